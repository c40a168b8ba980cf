"""A llama-server inside this installation, for users who have none."""
