"""A kind of store for tests: an engine that can fail or hang, reached by an address of its own. Its content
outlives the stores that are opened on it, as on another machine.
"""

import asyncio
import threading
from collections.abc import Sequence

from warmprefix.core.errors import StoreError
from warmprefix.core.memory.ledger import Entry, Found, Past
from warmprefix.stores.base import Opening, Store, StoreKind
from warmprefix.stores.behind import FRONT_BYTES, Behind
from warmprefix.stores.far import Finished, Totals
from warmprefix.stores.memory import MemoryStore

ADDRESS = "toy://here"


class ToyEngine:
    """`trips`: its round trips, one word each. `is_down`: it refuses everything. `answers`: while this event is
    cleared, it hangs."""

    def __init__(self, front_bytes: int = FRONT_BYTES) -> None:
        self.trips: list[str] = []
        self.is_down = False
        self.answers = threading.Event()
        self.answers.set()
        self.kept: MemoryStore | None = None
        self.kind = StoreKind("toy", "address", self._open)
        self._front_bytes = front_bytes
        self._lock = threading.Lock()

    def _open(self, opening: Opening) -> Store:
        assert opening.place == ADDRESS
        if self.kept is None:
            self.kept = MemoryStore(opening.max_bytes, opening.max_age_s, opening.clock)
        far = _Connection(self, self.kept, self._lock)
        return Behind(far, far, self._front_bytes)

    def trip(self, what: str) -> None:
        """One round trip. Raises StoreError."""
        self.trips.append(what)
        self.answers.wait(10)
        if self.is_down:
            raise StoreError("the toy is gone")


class _Connection:
    """Both sides of a remote store at once."""

    replaced = 0

    def __init__(self, engine: ToyEngine, kept: MemoryStore, lock: threading.Lock) -> None:
        self._engine = engine
        self._kept = kept
        self._lock = lock

    def find(self, keys: Sequence[bytes]) -> Found:
        self._engine.trip("find")
        with self._lock:
            return asyncio.run(self._kept.find(keys))

    def past(self, conversation: str | None, landmarks: Sequence[bytes]) -> Past | None:
        self._engine.trip("past")
        with self._lock:
            return asyncio.run(self._kept.past(conversation, landmarks))

    def interrupt(self) -> None:
        """It cannot be interrupted."""

    def disconnect(self) -> None:
        """Nothing is open."""

    def totals(self) -> Totals:
        self._engine.trip("totals")
        with self._lock:
            state = self._kept.state()
        return Totals(state.conversations, state.messages, state.bytes)

    def write(self, entries: Sequence[Entry]) -> Sequence[Finished]:
        self._engine.trip("write")
        with self._lock:
            for entry in entries:
                self._kept.put(entry)
        return [Finished(entry) for entry in entries]

    def evict(self) -> str | None:
        """It evicts by itself, on every write."""
        return None

    def close(self) -> None:
        """Nothing is open."""
