"""Which messages count as the same although their bytes differ."""
