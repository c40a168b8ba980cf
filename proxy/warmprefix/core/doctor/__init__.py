"""What helps and what hurts cache reuse, in words: facts in, findings out."""
