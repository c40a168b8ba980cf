"""Slots: what a conversation keeps across side requests, neighbours and restarts, on a real llama-server."""
