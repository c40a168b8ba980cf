"""The thread that writes: in order, in batches, with a fault counted and the limits kept between two steps."""

from collections.abc import Sequence

import pytest

from tests.stores.entries import entry
from warmprefix.core.errors import StoreError
from warmprefix.core.memory.ledger import Entry
from warmprefix.stores.far import Finished, Totals
from warmprefix.stores.write_queue import WriteQueue


class Far:
    """Notes what is done to it. `leaving`: ids that `evict` gives, one a step; `refuses`: names of those
    that cannot be kept; `broken`: what every write raises."""

    replaced = 3

    def __init__(self) -> None:
        self.done: list[str] = []
        self.leaving: list[str] = []
        self.refuses: set[str] = set()
        self.broken: Exception | None = None

    def totals(self) -> Totals:
        self.done.append("totals")
        return Totals(self.done.count("write"), 0, 0)

    def write(self, entries: Sequence[Entry]) -> Sequence[Finished]:
        if self.broken is not None:
            raise self.broken
        self.done.append("write")
        return [Finished(e, is_kept=e.conversation.id not in self.refuses) for e in entries]

    def evict(self) -> str | None:
        self.done.append("evict")
        return self.leaving.pop(0) if self.leaving else None

    def close(self) -> None:
        self.done.append("close")


def names(queue: WriteQueue) -> list[str]:
    """What was finished, in order: entries by their conversation, evicted conversations in capitals."""
    return [f.upper() if isinstance(f, str) else f.entry.conversation.id for f in queue.finished]


def ended(queue: WriteQueue) -> None:
    queue.stop()
    queue.join(10)


def test_what_is_put_is_finished_in_order() -> None:
    far = Far()
    queue = WriteQueue(far)
    for name in "abc":
        queue.put(entry(name, name))
    queue.flush().result(10)

    assert names(queue) == ["a", "b", "c"]
    assert queue.totals.conversations == far.done.count("write")
    assert (queue.lost, queue.replaced) == (0, 3)
    ended(queue)
    assert far.done[-1] == "close"


def test_a_flush_waits_until_nothing_has_to_leave() -> None:
    far = Far()
    far.leaving = ["x", "x", "y"]
    queue = WriteQueue(far)
    queue.put(entry("a", "a"))
    queue.flush().result(10)

    assert names(queue) == ["a", "X", "X", "Y"]
    ended(queue)


def test_an_entry_that_cannot_be_kept_is_lost_alone() -> None:
    far = Far()
    far.refuses = {"b"}
    queue = WriteQueue(far)
    for name in "abc":
        queue.put(entry(name, name))
    queue.flush().result(10)

    assert names(queue) == ["a", "b", "c"]
    assert queue.lost == 1
    ended(queue)


@pytest.mark.parametrize(
    "error", [StoreError("gone"), RuntimeError("a fault")], ids=["ours", "any"]
)
def test_a_write_that_fails_loses_what_it_was_given_and_no_more(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    far = Far()
    queue = WriteQueue(far)
    far.broken = error
    queue.put(entry("a", "a"))
    queue.flush().result(10)
    far.broken = None
    queue.put(entry("b", "b"))
    queue.flush().result(10)

    assert names(queue) == ["a", "b"]
    assert queue.lost == 1
    assert caplog.messages == [
        f"the ledger cannot be written: {error}; requests go on",
        "the ledger is written again",
    ]
    ended(queue)


def test_a_change_is_made_between_two_steps_and_counted() -> None:
    far = Far()
    queue = WriteQueue(far)
    queue.put(entry("a", "a"))
    queue.change(lambda: far.done.append("changed"))
    queue.change(lambda: 1 / 0)  # type: ignore[arg-type]  # a fault ends nothing
    queue.put(entry("b", "b"))
    queue.flush().result(10)

    at = far.done.index("changed")
    assert far.done[at + 1] == "totals"
    assert far.done[:at].count("write") == 1
    assert names(queue) == ["a", "b"]
    ended(queue)
