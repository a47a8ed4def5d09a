"""What keeps the books straight: lost jobs, expired files, recovery."""
