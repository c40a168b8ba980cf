"""What a store of the ledger promises, and what a kind of store says of itself."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

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


@dataclass(frozen=True, slots=True)
class Opening:
    """What a store is opened with. `place`: where it is kept, in the form that its kind asks for."""

    place: str
    max_bytes: int
    max_age_s: float
    clock: Callable[[], float] = time.time


@dataclass(frozen=True, slots=True)
class StoreKind:
    """One kind of store, as the registry holds it.

    `name`: the value of `memory.store`, and the scheme of its address if it has one. `place`: what
    `memory.path` is to it: nothing, a file, or the address of a server. `open` must not wait for the place to
    answer, and imports there what only this kind needs.
    """

    name: str
    place: Literal["nowhere", "file", "address"]
    open: Callable[[Opening], Store]
