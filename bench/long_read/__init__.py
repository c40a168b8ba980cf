"""A long prompt and a client that gives up: whether it is ever read, on a real llama-server."""
