"""What a store of the ledger promises."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from warmprefix.core.memory.ledger import Entry, Found


@dataclass(frozen=True, slots=True)
class StoreState:
    """Counts for metrics and doctor. `lost`: entries that could not be kept; `replaced`: store files
    that were found damaged and set aside."""

    conversations: int
    messages: int
    bytes: int
    lost: int = 0
    replaced: int = 0


class Store(Protocol):
    """Remembers nodes and conversations. Bounded in size and age; the oldest conversation leaves first.

    A message is kept once, however many conversations share it.
    """

    async def find(self, keys: Sequence[bytes]) -> Found:
        """What is known of a history, given its chain keys in order. One query. Raises StoreError."""
        ...

    def put(self, entry: Entry) -> None:
        """Remember a turn. Returns at once; never waits for a disk and never raises.

        All nodes belong to the entry's conversation. One that is known already passes to it, and stays
        generated if it ever was. Of one chain key the latest MAX_ALIKE are kept.
        """
        ...

    async def flush(self) -> None:
        """Wait until what was put is kept."""
        ...

    def state(self) -> StoreState:
        """Counts, without waiting."""
        ...

    async def close(self) -> None:
        """Flush and release everything."""
        ...
