"""Rest poses."""
