"""What is called when a turn has ended: listeners, one after the other, each behind a wall of its own. None of
them can fail a request.
"""

from collections.abc import Iterable
from typing import Protocol

from warmprefix.counters import Counters
from warmprefix.guard import failed
from warmprefix.pipeline.stages import Ended, Patch


class TurnListener(Protocol):
    """Is called for every turn that has ended. Its failures are counted under `reason`."""

    reason: str

    def ended(self, ended: Ended) -> Patch:
        """An exchange has ended. What is returned is added to its turn."""


def call_ended(listeners: Iterable[TurnListener], counters: Counters, ended: Ended) -> Patch:
    """What the listeners say of a turn. Raises nothing."""
    found, noted = Patch(), ended.came.failed_open
    for listener in listeners:
        try:
            found.update(listener.ended(ended))
        except Exception as error:
            failed(counters, listener.reason, error, noted)
    return found
