"""FBX in, through a child process."""
