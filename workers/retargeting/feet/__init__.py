"""Feet."""
