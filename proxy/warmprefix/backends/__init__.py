"""The backends: how they are reached, and what each kind wants done differently.

The only importers of HTTP clients.
"""
