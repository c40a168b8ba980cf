"""Exchanges written to a file as they were, and played again."""
