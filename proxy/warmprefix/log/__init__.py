"""Turns that have ended: their records, the log file, the metrics."""
