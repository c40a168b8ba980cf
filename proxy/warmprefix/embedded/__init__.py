"""A llama-server inside this installation, for those who have none."""
