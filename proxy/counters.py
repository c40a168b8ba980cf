"""Counts of what went wrong without a client noticing."""

from collections import Counter


class Counters:
    """Fail-open events by name; read by metrics and the log."""

    def __init__(self) -> None:
        self.fail_open: Counter[str] = Counter()

    def failed_open(self, what: str) -> None:
        """Count one request, message or record that went on without our cleverness."""
        self.fail_open[what] += 1
