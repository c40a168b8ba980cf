"""Openings: what a new session and a new sub-agent read, direct and through the proxy."""
