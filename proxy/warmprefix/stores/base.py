"""What a store of the ledger promises, and how a kind of store describes itself."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, Protocol

from warmprefix.core.memory.ledger import Asked, Entry, Found, Past


@dataclass(frozen=True, slots=True)
class StoreState:
    """Counts for metrics and doctor. `lost`: entries that could not be stored; `replaced`: damaged store files
    that were set aside; `answer_p99_s`: how long questions take, 0 if they take no time."""

    conversations: int
    messages: int
    bytes: int
    lost: int = 0
    replaced: int = 0
    answer_p99_s: float = 0.0


class Hold(Enum):
    """Whose a lease is. OWN: it was the holder's before, or was given up; NEW: nobody is known to have had it,
    which a store that has forgotten says too."""

    OTHERS = 0
    NEW = 1
    OWN = 2


class Leases(Protocol):
    """What one of several proxies has for itself, for a while."""

    async def take(self, holder: str, names: Sequence[str], ttl_s: float) -> Mapping[str, Hold]:
        """Take those of these leases that nobody has, and prolong the holder's, for so long from now. Raises
        StoreError."""
        ...

    async def give_up(self, holder: str, names: Sequence[str], ttl_s: float) -> None:
        """Let others have those of these leases that are the holder's. Raises StoreError."""
        ...


class Store(Protocol):
    """Remembers nodes and conversations. Bounded in size and age; the oldest conversation leaves first.

    A message is stored once, however many conversations share it.
    """

    @property
    def leases(self) -> Leases | None:
        """What the proxies that write it may have for themselves; None if there is only one."""
        ...

    async def find(self, keys: Sequence[bytes], asked: Asked | None = None) -> Found:
        """What is remembered of a history, given its chain keys in order. One query. Raises StoreError.

        `asked` is answered only if other proxies write the store too.
        """
        ...

    async def past(self, conversation: str | None, landmarks: Sequence[bytes]) -> Past | None:
        """The trail to the last turn of this conversation, or else of the one that had the first of these
        landmarks that is known, the last used of those. One query. Raises StoreError.

        None if none has any. What is still being written may be missing. The path begins where the first of its
        nodes is that is still remembered.
        """
        ...

    def put(self, entry: Entry) -> None:
        """Remember a turn. Returns at once; never waits for a disk and never raises.

        All nodes belong to the entry's conversation. One that is remembered already passes to it, and stays
        `generated` if it ever was. Of one chain key the latest MAX_ALIKE are kept.
        """
        ...

    async def flush(self) -> None:
        """Wait until what was put is stored."""
        ...

    def state(self) -> StoreState:
        """Counts, without waiting."""
        ...

    async def close(self) -> None:
        """Flush and release everything."""
        ...


@dataclass(frozen=True, slots=True)
class Opening:
    """What a store is opened with. `place`: the value of `memory.path`, in the form that its kind asks for.

    `password`: that of a server; `key`: the secret under which values are encrypted there, None for plain ones.
    """

    place: str
    max_bytes: int
    max_age_s: float
    clock: Callable[[], float] = time.time
    password: str | None = field(default=None, repr=False)
    key: str | None = field(default=None, repr=False)


def anywhere(place: str) -> str:
    """Nothing is wrong with any place."""
    del place
    return ""


@dataclass(frozen=True, slots=True)
class StoreKind:
    """One kind of store, as it is in the registry.

    `name`: the value of `memory.store`; `schemes`: of its addresses, one of which may stand there instead.
    `place`: what `memory.path` means to it: nothing, a file, or the address of a server. `open` must not wait
    for that to answer, and imports only then what only this kind needs. `refuses`: what is wrong with a place,
    as the end of a sentence; empty if nothing is.
    """

    name: str
    place: Literal["nowhere", "file", "address"]
    open: Callable[[Opening], Store]
    refuses: Callable[[str], str] = anywhere
    schemes: tuple[str, ...] = ()
