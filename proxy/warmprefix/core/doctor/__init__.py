"""What helps cache reuse and what hurts it, in words: facts in, findings out."""
