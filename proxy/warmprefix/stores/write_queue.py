"""The one thread that writes to a far store: what waits in its queue is written in one step.

No error ends it or reaches a request: what cannot be written is counted as lost, and it is reported to the
operator when that begins and when it is over.

It is no LineWriter (log/lines.py): it reports back (`flush`, `finished`), takes many entries into one step, and
works while nothing waits (eviction); the store bounds the queue, since it knows the size of an entry.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue

from warmprefix.core.memory.ledger import Entry
from warmprefix.stores.far import FarWriter, Finished, Totals
from warmprefix.stores.outage import Outage

# Entries in one step: in an SQLite file they hold the write lock for some 20 ms.
_BATCH = 200

Task = Callable[[], None]


class WriteQueue:
    """Runs from its construction on. `finished`: entries that are written or lost, and ids of conversations
    that were evicted, for the store to take. `lost` counts entries that could not be written.
    """

    def __init__(self, far: FarWriter) -> None:
        self.finished: deque[Finished | str] = deque()
        self.totals = Totals(0, 0, 0)
        self.lost = 0
        self._far = far
        self._queue: SimpleQueue[Entry | Task] = SimpleQueue()
        self._must_evict = False
        self._outage = Outage("the ledger is written again")
        self._error: Exception | None = None
        self._running = True
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self._thread.start()

    @property
    def replaced(self) -> int:
        """How many damaged files were set aside."""
        return self._far.replaced

    def put(self, entry: Entry) -> None:
        """Queue a turn. The store limits how many may wait."""
        self._queue.put(entry)

    def flush(self) -> Future[None]:
        """Done when all that was put before is written or lost, and what exceeds the limits is evicted."""
        done: Future[None] = Future()
        self._queue.put(lambda: done.set_result(None))
        return done

    def change(self, task: Task) -> None:
        """Do something to the far store between two steps, and then count it again."""

        def changed() -> None:
            self._attempt(task)
            self._attempt(self._count)

        self._queue.put(changed)

    def stop(self) -> None:
        """Close the far store and end once all that was put before is written or lost."""
        self._queue.put(self._stop)

    def join(self, limit_s: float) -> None:
        """Wait for the end of the thread."""
        self._thread.join(limit_s)

    def _run(self) -> None:
        self._attempt(self._count)
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
        """What is waiting, up to a batch or a task. Blocks only if there is nothing to evict."""
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
        finished = [Finished(entry, is_kept=False) for entry in entries]

        def write() -> None:
            finished[:] = self._far.write(entries)

        if self._attempt(write):
            self._outage.ends()
            self._attempt(self._count)
        else:
            self._outage.begins(f"the ledger cannot be written: {self._error}; requests go on")
        self.lost += sum(not one.is_kept for one in finished)
        self.finished.extend(finished)
        self._must_evict = True

    def _evict(self) -> None:
        """Evict one step. What was put in the meantime is written before the next."""
        self._must_evict = False
        self._attempt(self._evict_step)

    def _evict_step(self) -> None:
        evicted = self._far.evict()
        if evicted is not None:
            self._count()
            self.finished.append(evicted)
            self._must_evict = True

    def _count(self) -> None:
        self.totals = self._far.totals()

    def _attempt(self, work: Task) -> bool:
        """Do the work. Returns whether it could be done."""
        try:
            work()
        except (
            Exception
        ) as error:  # a StoreError, or a fault of the store: neither may end the thread
            self._error = error
            return False
        return True

    def _stop(self) -> None:
        self._attempt(self._far.close)
        self._running = False
