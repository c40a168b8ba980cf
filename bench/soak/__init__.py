"""Soak: many conversations for minutes against backends that fail, to see what is lost."""
