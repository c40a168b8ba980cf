"""Listeners are called in order, each behind a wall of its own."""

from tests.ledger_driver import NO_TIMES
from tests.request_stages import unread
from warmprefix.core.types import Outcome, Reply
from warmprefix.counters import Counters
from warmprefix.pipeline.listeners import call_ended
from warmprefix.pipeline.stages import Ended, Patch, ended_of


class Part:
    """Says what it is given; fails if that is nothing."""

    def __init__(self, reason: str, patch: Patch | None) -> None:
        self.reason = reason
        self.patch = patch

    def ended(self, ended: Ended) -> Patch:
        if self.patch is None:
            raise ValueError(self.reason)
        return self.patch


def ended() -> Ended:
    return ended_of(unread(), Reply(), 200, Outcome.OK, NO_TIMES)


def test_a_listener_that_fails_keeps_none_of_the_others_from_a_turn() -> None:
    counters, one = Counters(), ended()
    parts = [
        Part("slot", Patch(slot=1, opened=True)),
        Part("record", None),
        Part("x", Patch(slot=2)),
    ]

    assert call_ended(parts, counters, one) == {"slot": 2, "opened": True}
    assert counters.fail_open == {"record": 1}
    assert one.came.failed_open == ["record"]
