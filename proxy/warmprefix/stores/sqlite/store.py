"""A store in one SQLite file. The hot path never waits for a disk write, and reads with a limit.

A turn goes to the front (memory) at once and to the file by one writer thread. Nothing here fails a
request: a full disk, a locked or a damaged file costs what could not be kept, and is counted.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from sqlite3 import Connection
from typing import TypeVar

from warmprefix.core.errors import StoreError
from warmprefix.core.memory.ledger import Entry, Found
from warmprefix.stores.base import StoreState
from warmprefix.stores.sqlite import read as sqlite_read
from warmprefix.stores.sqlite.front import NODE_BYTES, Front, first_to_ask, merged
from warmprefix.stores.sqlite.reader import Reader
from warmprefix.stores.sqlite.write import Limits
from warmprefix.stores.sqlite.writer import Writer

# 2 million tokens of text: the conversations that go on at the moment.
FRONT_BYTES = 8 * 1024 * 1024
# What may wait for the disk before turns are dropped: a disk that stalls for minutes, or pictures.
QUEUE_ENTRIES = 1_000
_QUEUE_BYTES = 32 * 1024 * 1024
# A disk that does not answer for so long is left to itself when the process ends.
_CLOSE_LIMIT_S = 10.0

Answer = TypeVar("Answer")


class SqliteStore:
    """Used from one thread, the event loop's. Opens the file in the background."""

    def __init__(
        self,
        path: Path,
        max_bytes: int,
        max_age_s: float,
        clock: Callable[[], float] = time.time,
        front_bytes: int = FRONT_BYTES,
    ) -> None:
        self.writer = Writer(path, Limits(max_bytes, max_age_s), clock)
        self.reader = Reader(path, self.writer)
        self.front = Front(front_bytes)
        self._waiting_entries = 0
        self._waiting_bytes = 0
        self._dropped = 0
        self._closed = False

    async def find(self, keys: Sequence[bytes]) -> Found:
        """What is known of a history, given its chain keys in order. At most one query.

        Raises StoreError where the file does not answer and the front knows nothing of the history.
        """
        self._settle()
        near = self.front.find(keys)
        start = first_to_ask(keys, near, self.front.is_whole)
        if start is None:
            return near
        asked = keys[start:]
        try:
            far = await self._ask(partial(sqlite_read.find, keys=asked))
        except StoreError:
            if near.nodes:
                return near
            raise
        # Again: a turn may have been put meanwhile.
        near = merged(self.front.find(keys), near)
        self.front.remember(asked, far)
        return merged(near, far)

    def put(self, entry: Entry) -> None:
        """Remember a turn: in the front at once, in the file soon."""
        self._settle()
        size = _size(entry)
        waits = not self._closed and self._has_room(size)
        self.front.put(entry, waits)
        if not waits:
            self._dropped += 1
            return
        self._waiting_entries += 1
        self._waiting_bytes += size
        self.writer.put(entry)

    async def flush(self) -> None:
        """Wait until what was put is written, or lost."""
        if not self._closed:
            await asyncio.wrap_future(self.writer.flush())
        self._settle()

    def state(self) -> StoreState:
        """Counts of the file as of the last write, without waiting."""
        totals = self.writer.totals
        return StoreState(
            conversations=totals.conversations,
            messages=totals.messages,
            bytes=totals.bytes,
            lost=self._dropped + self.writer.lost,
            replaced=self.writer.ledger.replaced,
        )

    async def close(self) -> None:
        """Write what waits, empty the journal, end the threads."""
        if self._closed:
            return
        self._closed = True
        await self.reader.close()
        self.writer.stop()
        await asyncio.to_thread(self.writer.join, _CLOSE_LIMIT_S)
        self._settle()

    async def _ask(self, question: Callable[[Connection], Answer]) -> Answer:
        if self._closed:
            raise StoreError("the ledger is closed")
        return await self.reader.ask(question)

    def _has_room(self, size: int) -> bool:
        """Whether one more entry may wait; a single large one always may."""
        return self._waiting_entries == 0 or (
            self._waiting_entries < QUEUE_ENTRIES and self._waiting_bytes + size <= _QUEUE_BYTES
        )

    def _settle(self) -> None:
        """Take note of what the writer has finished since."""
        finished = self.writer.finished
        while finished:
            done = finished.popleft()
            if isinstance(done, str):
                self.front.forget(done)
                continue
            self.front.settle(done.entry, done.alike)
            self._waiting_entries -= 1
            self._waiting_bytes -= _size(done.entry)


def _size(entry: Entry) -> int:
    return sum(NODE_BYTES + len(node.raw) for node in entry.nodes)
