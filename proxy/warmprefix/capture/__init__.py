"""Writes exchanges to a file as they were, and replays them."""
