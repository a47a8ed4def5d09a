"""Scenes kept on disk."""
