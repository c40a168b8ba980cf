"""Sessions from public reports, replayed on the stock server: a file each, read by replay.py."""
