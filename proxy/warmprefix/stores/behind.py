"""A far store behind a front and a queue: no request ever waits for a write, and reads have a time limit.

A turn goes to the front (memory) at once, and to the far store by one thread. Nothing here fails a request: if
the far store is full, locked, damaged, slow or gone, what could not be stored is lost, and counted.
"""

import asyncio
from collections.abc import Sequence

from warmprefix.core.errors import StoreError
from warmprefix.core.memory.ledger import Asked, Entry, Found, Past
from warmprefix.stores.base import Leases, StoreState
from warmprefix.stores.far import FarReader, FarWriter
from warmprefix.stores.front import NODE_BYTES, Front, first_to_ask, merged
from warmprefix.stores.timed_reader import TimedReader
from warmprefix.stores.write_queue import WriteQueue

# 2 million tokens of text: the conversations that are active at a time.
FRONT_BYTES = 8 * 1024 * 1024
# What may wait to be written before turns are dropped: enough if a disk stalls for minutes, or for pictures.
QUEUE_ENTRIES = 1_000
_QUEUE_BYTES = 32 * 1024 * 1024
# When the process ends, a far store that does not answer for this long is given up.
_CLOSE_LIMIT_S = 10.0


class Behind:
    """A store, made of the reader and the writer of a far one. Used from one thread, the event loop's."""

    leases: Leases | None = None

    def __init__(
        self, writer: FarWriter, reader: FarReader, front_bytes: int = FRONT_BYTES
    ) -> None:
        self.queue = WriteQueue(writer)
        self.reader = TimedReader(reader)
        self.front = Front(front_bytes)
        self._waiting_entries = 0
        self._waiting_bytes = 0
        self._dropped = 0
        self._closed = False

    async def find(self, keys: Sequence[bytes], asked: Asked | None = None) -> Found:
        """What is remembered of a history, given its chain keys in order. At most one question.

        Raises StoreError if the far store does not answer and the front has nothing of the history.
        """
        self._settle()
        near = self.front.find(keys)
        start = self._first_to_ask(keys, near)
        if start is None:
            return near
        try:
            self._refuse_if_closed()
            far = await self._ask(keys, start, near, asked)
        except StoreError:
            if near.nodes:
                return near
            raise
        # Again: a turn may have been put in the meantime.
        near = merged(self.front.find(keys), near)
        self.front.remember(keys[start:], far)
        return merged(near, far)

    async def past(self, conversation: str | None, landmarks: Sequence[bytes]) -> Past | None:
        """The trail to a conversation's last turn, as far as it is written. Raises StoreError."""
        self._refuse_if_closed()
        return await self.reader.past(conversation, landmarks)

    def put(self, entry: Entry) -> None:
        """Remember a turn: in the front at once, in the far store soon."""
        self._settle()
        size = _size(entry)
        waits = not self._closed and self._has_room(size)
        self.front.put(entry, waits)
        if not waits:
            self._dropped += 1
            return
        self._waiting_entries += 1
        self._waiting_bytes += size
        self.queue.put(entry)

    async def flush(self) -> None:
        """Wait until what was put is written, or lost."""
        if not self._closed:
            await asyncio.wrap_future(self.queue.flush())
        self._settle()

    def state(self) -> StoreState:
        """The counts after the last write, without waiting."""
        totals = self.queue.totals
        return StoreState(
            conversations=totals.conversations,
            messages=totals.messages,
            bytes=totals.bytes,
            lost=self._dropped + self.queue.lost,
            replaced=self.queue.replaced,
            answer_p99_s=self.reader.p99_s,
        )

    async def close(self) -> None:
        """Write what is waiting, release the far store, end the threads."""
        if self._closed:
            return
        self._closed = True
        await self.reader.close()
        self.queue.stop()
        await asyncio.to_thread(self.queue.join, _CLOSE_LIMIT_S)
        self._settle()

    def _first_to_ask(self, keys: Sequence[bytes], near: Found) -> int | None:
        """Position of the first key to ask the far store for; None if it need not be asked."""
        return first_to_ask(keys, near, self.front.is_whole)

    async def _ask(
        self, keys: Sequence[bytes], start: int, near: Found, asked: Asked | None
    ) -> Found:
        """What the far store has of the keys from `start` on. Raises StoreError."""
        del near, asked
        return await self.reader.find(keys[start:])

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise StoreError("the ledger is closed")

    def _has_room(self, size: int) -> bool:
        """Whether one more entry may wait. A single one always may, however large."""
        return self._waiting_entries == 0 or (
            self._waiting_entries < QUEUE_ENTRIES and self._waiting_bytes + size <= _QUEUE_BYTES
        )

    def _settle(self) -> None:
        """Take over what the queue has finished since the last call."""
        finished = self.queue.finished
        while finished:
            done = finished.popleft()
            if isinstance(done, str):
                self.front.forget(done)
                continue
            self.front.settle(done.entry, done.alike)
            self._waiting_entries -= 1
            self._waiting_bytes -= _size(done.entry)


def _size(entry: Entry) -> int:
    trail = 0 if entry.trail is None else entry.trail.bytes
    return trail + sum(NODE_BYTES + len(node.raw) for node in entry.nodes)
