"""What a far store must do: a ledger that takes time to reach, in a file or on another machine.

Every call here may block, for a bounded time. behind.py ensures that no request waits for one.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from warmprefix.core.memory.ledger import Entry, Found, Node, Past


class Totals(NamedTuple):
    """Counts of all that is stored."""

    conversations: int
    messages: int
    bytes: int


class Finished(NamedTuple):
    """An entry that is written or lost. `alike`: for each of its chain keys that has several nodes in the far
    store, all of those."""

    entry: Entry
    alike: tuple[Node, ...] = ()
    is_kept: bool = True


class FarReader(Protocol):
    """Used from one thread, but for `interrupt`."""

    def find(self, keys: Sequence[bytes]) -> Found:
        """What is remembered of these chain keys, by one statement or one round trip. Raises StoreError."""
        ...

    def past(self, conversation: str | None, landmarks: Sequence[bytes]) -> Past | None:
        """As of a `Store`, by one statement or one round trip. Raises StoreError."""
        ...

    def interrupt(self) -> None:
        """End the question that is running in the other thread, if that is possible."""
        ...

    def disconnect(self) -> None:
        """Release what was opened for questions. The next question opens it again."""
        ...


class FarWriter(Protocol):
    """Used from one thread."""

    @property
    def replaced(self) -> int:
        """How many damaged files were set aside."""
        ...

    def totals(self) -> Totals:
        """Counts of all that is stored. The first call opens the store. Raises StoreError."""
        ...

    def write(self, entries: Sequence[Entry]) -> Sequence[Finished]:
        """Put these turns in one step. Raises StoreError if none of them could be written."""
        ...

    def evict(self) -> str | None:
        """Take one short step towards the limits of size and age. Returns the conversation that lost something;
        None if nothing has to leave. Raises StoreError."""
        ...

    def close(self) -> None:
        """Release everything. Never raises."""
        ...
