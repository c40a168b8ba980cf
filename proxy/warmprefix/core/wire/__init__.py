"""Bytes: slices of JSON, its values, server-sent events."""
