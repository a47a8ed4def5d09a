"""Which joint is which."""
