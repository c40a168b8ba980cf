"""Decisions about slots, without a backend."""
