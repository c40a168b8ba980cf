"""Soak: many conversations for minutes against backends that fail, and what was lost."""
