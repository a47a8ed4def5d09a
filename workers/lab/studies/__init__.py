"""Quality over many files."""
