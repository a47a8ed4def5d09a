"""Dry runs: what a file holds, answered by the ingest workers."""
