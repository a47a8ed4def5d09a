"""What the engine must know of each file."""
