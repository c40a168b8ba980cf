"""Limits: what hostile clients and backends cost all others, in time and in memory."""
