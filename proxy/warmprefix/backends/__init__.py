"""The backends: how they are reached, and what each kind needs done differently.

The only importers of HTTP clients.
"""
