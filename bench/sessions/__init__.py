"""Whole agent sessions against a real llama-server: how many tokens it processes, directly and through us.

The replies are scripted, since a model small enough to run here writes nonsense; the KV cache, the
slots, the chat template and every count are llama-server's own.
"""
