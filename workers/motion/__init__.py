"""A body in motion."""
