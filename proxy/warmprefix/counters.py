"""Counts of what went wrong without a client noticing."""

from collections import Counter

REASONS = frozenset({
    "not-understood", "too-long", "prepare", "store", "routing", "backend-facts", "models", "slot",
    "slot-save", "slot-restore", "slot-index", "reader", "call-ids", "ask-usage", "ask-progress", "error-words",
    "capture", "record", "compare", "prewarm", "reread", "openings", "explain", "metrics",
    "telemetry", "log", "keep-alive", "finish-read", "running",
})  # fmt: skip
"""What can fail open, besides single rules, which are counted as `rule NAME`."""


class Counters:
    """Fail-open events by name; read by metrics and the log."""

    def __init__(self) -> None:
        self.fail_open: Counter[str] = Counter()
        self.reported_s: dict[str, float] = {}
        """When each was last reported to the operator, by the monotonic clock."""

        self.prewarms: Counter[str] = Counter()
        """`runs`, `tokens` evaluated by them, and how many were `cancelled` by a request."""

        self.snapshots: Counter[str] = Counter()
        """How many slots were `saved` to disk and `restored` from it, and the `restored_tokens`."""

        self.openings: Counter[str] = Counter()
        """How many openings were `saved` to disk, and `restored` while nothing ran."""

    def failed_open(self, what: str, noted: list[str] | None = None) -> None:
        """Count one request, message or record that went on without one of our parts.

        `noted`: the reasons of the turn that it belongs to; each is added once.
        """
        self.fail_open[what] += 1
        if noted is not None and what not in noted:
            noted.append(what)
