"""What helps cache reuse and what hurts it, in words: from facts to findings."""
