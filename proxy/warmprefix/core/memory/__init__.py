"""What is remembered of conversations, and what of it is put back into a request."""
