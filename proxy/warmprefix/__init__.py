"""warmprefix: a reverse proxy that keeps a local model's prompt cache warm."""

__version__ = "0.1.0"
