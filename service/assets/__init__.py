"""Stored motions and characters: record (schemas, store), way in and out (intake), HTTP face (endpoints)."""
