"""The one thread that writes the ledger file: what waits in its queue becomes one transaction.

No error of the disk ends it or reaches a request: what cannot be written is counted as lost, and the
operator is told when that begins and when it is over.

It is no LineWriter (log/lines.py): it answers (`flush`, `finished`), takes many entries into one transaction,
and works while nothing waits (eviction); the store, which knows what an entry weighs, bounds the queue.
"""

import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import NamedTuple

from warmprefix.core.memory.ledger import Entry, Node
from warmprefix.stores.sqlite.file import DISK_ERRORS, Ledger
from warmprefix.stores.sqlite.transaction import transaction
from warmprefix.stores.sqlite.write import (
    Limits,
    Totals,
    checkpoint,
    evict_step,
    shrink,
    totals,
    write_entry,
)

# Entries in one transaction: it holds the write lock for some 20 ms.
_BATCH = 200
_NOT_STORABLE = (ValueError, TypeError, OverflowError)

Task = Callable[[], None]

logger = logging.getLogger(__name__)


class Finished(NamedTuple):
    """An entry that is written or lost. `alike`: all nodes in the file of those of its chain keys that have
    several."""

    entry: Entry
    alike: tuple[Node, ...] = ()


class Writer:
    """Started when made. `finished`: entries that are written or lost and ids of conversations that
    were evicted, for the store to take.
    """

    def __init__(self, path: Path, limits: Limits, clock: Callable[[], float]) -> None:
        self.ledger = Ledger(path)
        self.finished: deque[Finished | str] = deque()
        self.totals = Totals(0, 0, 0)
        self.lost = 0
        self.tried_to_open = threading.Event()
        self._limits = limits
        self._clock = clock
        self._queue: SimpleQueue[Entry | Task] = SimpleQueue()
        self._must_evict = False
        self._error: Exception | None = None
        self._is_failing = False
        self._running = True
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self._thread.start()

    def put(self, entry: Entry) -> None:
        """Queue a turn. The store bounds how many wait."""
        self._queue.put(entry)

    def flush(self) -> Future[None]:
        """Done when all that was put before is written or lost, and what is too much is evicted."""
        done: Future[None] = Future()
        self._queue.put(lambda: done.set_result(None))
        return done

    def report_damage(self, generation: int) -> None:
        """A reader found the file of that opening damaged."""
        self._queue.put(lambda: self._replace(generation))

    def stop(self) -> None:
        """Close the file and end, when all that was put before is written or lost."""
        self._queue.put(self._stop)

    def join(self, limit_s: float) -> None:
        """Wait for the end of the thread."""
        self._thread.join(limit_s)

    def _run(self) -> None:
        self._attempt(self._count)
        self.tried_to_open.set()
        while self._running:
            entries, task = self._take()
            if entries:
                self._keep(entries)
            if self._must_evict:
                self._evict()
            if task is not None:
                while self._must_evict:
                    self._evict()
                task()

    def _take(self) -> tuple[list[Entry], Task | None]:
        """What waits, up to a batch or a task. Sleeps only where there is nothing to evict."""
        entries: list[Entry] = []
        wait = not self._must_evict
        try:
            while len(entries) < _BATCH:
                item = self._queue.get(block=wait)
                wait = False
                if not isinstance(item, Entry):
                    return entries, item
                entries.append(item)
        except Empty:
            pass
        return entries, None

    def _keep(self, entries: list[Entry]) -> None:
        finished: list[Finished] = []
        is_kept = self._attempt(lambda db: self._write(db, entries, finished))
        if not is_kept:
            self.lost += len(entries)
            finished = [Finished(entry) for entry in entries]
        self._tell(is_kept)
        self.finished.extend(finished)
        self._must_evict = True

    def _write(
        self, db: sqlite3.Connection, entries: list[Entry], finished: list[Finished]
    ) -> None:
        now_s, lost = self._clock(), 0
        finished.clear()  # this may be the second attempt
        with transaction(db):
            for entry in entries:
                try:
                    finished.append(Finished(entry, write_entry(db, entry, now_s)))
                except _NOT_STORABLE:
                    finished.append(Finished(entry))
                    lost += 1
        self.lost += lost
        self._count(db)

    def _evict(self) -> None:
        """One step; the next follows behind what was put meanwhile."""
        self._must_evict = False
        self._attempt(self._evict_step)

    def _evict_step(self, db: sqlite3.Connection) -> None:
        with transaction(db):
            evicted = evict_step(db, self._limits, self._clock())
        if evicted is None:
            shrink(db)
            return
        self._count(db)
        self.finished.append(evicted)
        self._must_evict = True

    def _count(self, db: sqlite3.Connection) -> None:
        self.totals = totals(db)

    def _attempt(self, work: Callable[[sqlite3.Connection], None]) -> bool:
        """Whether the work could be done."""
        try:
            self.ledger.run(work)
        except DISK_ERRORS as error:
            self._error = error
            return False
        return True

    def _tell(self, is_kept: bool) -> None:
        """Says once that the file takes nothing, and once that it does again."""
        if is_kept != self._is_failing:
            return
        self._is_failing = not is_kept
        if is_kept:
            logger.warning("the ledger is written again")
        else:
            logger.warning("the ledger cannot be written: %s; requests go on", self._error)

    def _replace(self, generation: int) -> None:
        with suppress(*DISK_ERRORS):
            self.ledger.replace(generation)
        self._attempt(self._count)  # opens the new file for the reader

    def _stop(self) -> None:
        self._attempt(checkpoint)
        self.ledger.close()
        self._running = False
