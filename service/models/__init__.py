"""The noun `models`: which encoders there are, and whether their weights are here."""
