"""Untrusted bytes to one internal form."""
