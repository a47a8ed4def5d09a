"""Mapping presets: a joint mapping kept for a skeleton and reused for every file that has it."""
