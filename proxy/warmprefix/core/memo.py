"""A bounded memory of function results, in two generations.

A look-up that hits the old generation moves the value to the young one. When the young one is full, it becomes
the old one, and what was not asked for since is forgotten. Cheaper per look-up than a linked list, and as
good for histories, which are asked for as a whole.

Threads may share one: each step is a single operation on a dict. If two fill it at the same moment, the bound
is exceeded by what one of them has put, or a generation is forgotten early.
"""

from collections.abc import Iterable
from typing import Generic, TypeVar

Value = TypeVar("Value")

ENTRY_BYTES = 1000
"""What a message costs besides its bytes: its object, fields and table entries (measured on CPython 3.11)."""


class Memo(Generic[Value]):
    """Values by bytes. `max_bytes` bounds one generation, so up to twice as much is remembered. An entry counts
    as its key and ENTRY_BYTES."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._longest_bytes = max_bytes - ENTRY_BYTES
        self._size = 0
        self._young: dict[bytes, Value] = {}
        self._old: dict[bytes, Value] = {}

    def get(self, key: bytes) -> Value | None:
        """The value of `key`; None if it is not remembered."""
        if len(key) > self._longest_bytes:
            return None  # never remembered; its hash would be a pass over all of it, beside which nothing runs
        found = self._young.get(key)
        if found is None and (found := self._old.pop(key, None)) is not None:
            self.put(key, found)
        return found

    def all(self, keys: Iterable[bytes]) -> list[Value | None]:
        """What `get` gives for each of the keys."""
        young, get, longest = self._young.get, self.get, self._longest_bytes
        return [(len(key) <= longest and young(key)) or get(key) for key in keys]

    def put(self, key: bytes, value: Value) -> None:
        """Remember `value`, unless its key is larger than a generation."""
        if len(key) > self._longest_bytes:
            return
        size = len(key) + ENTRY_BYTES
        if self._size + size > self._max_bytes:
            self._old, self._young, self._size = self._young, {}, 0
        self._young[key] = value
        self._size += size

    def __len__(self) -> int:
        return len(self._young) + len(self._old)
