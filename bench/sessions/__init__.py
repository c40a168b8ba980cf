"""Whole agent sessions against a real llama-server: how many tokens it processes, directly and through the
proxy.

The replies are scripted, since a small model writes nonsense; the KV cache, the slots, the chat template and
every count are llama-server's own.
"""
