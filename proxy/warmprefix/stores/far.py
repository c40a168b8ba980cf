"""What a far store must be able to do: a ledger that takes time to reach, in a file or on another machine.

Everything here may block, for a bounded time. behind.py sees to it that no request waits for it.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from warmprefix.core.memory.ledger import Entry, Found, Node


class Totals(NamedTuple):
    """Counts of all that is kept."""

    conversations: int
    messages: int
    bytes: int


class Finished(NamedTuple):
    """An entry that is written or lost. `alike`: all nodes in the far store of those of its chain keys that
    have several there."""

    entry: Entry
    alike: tuple[Node, ...] = ()
    is_kept: bool = True


class FarReader(Protocol):
    """Used from one thread, but for `interrupt`."""

    def find(self, keys: Sequence[bytes]) -> Found:
        """What is known of these chain keys, by one statement or one round trip. Raises StoreError."""
        ...

    def interrupt(self) -> None:
        """End the question that runs in the other thread, if that can be done."""
        ...

    def disconnect(self) -> None:
        """Release what was opened to ask. The next question opens it again."""
        ...


class FarWriter(Protocol):
    """Used from one thread."""

    @property
    def replaced(self) -> int:
        """How many files were found damaged and set aside."""
        ...

    def totals(self) -> Totals:
        """Counts of all that is kept. The first call opens the store. Raises StoreError."""
        ...

    def write(self, entries: Sequence[Entry]) -> Sequence[Finished]:
        """Put these turns in one step. Raises StoreError if none of them could be written."""
        ...

    def evict(self) -> str | None:
        """One short step towards the limits of size and age: the conversation that it took something from;
        None if nothing has to leave. Raises StoreError."""
        ...

    def close(self) -> None:
        """Release everything. Never raises."""
        ...
