"""Which messages are the same for us, though their bytes differ."""
