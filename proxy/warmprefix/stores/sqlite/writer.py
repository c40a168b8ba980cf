"""The connection that writes the ledger file: the turns of one call are one transaction."""

import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from warmprefix.core.errors import StoreError
from warmprefix.core.memory.ledger import Entry
from warmprefix.stores.far import Finished, Totals
from warmprefix.stores.sqlite.file import DISK_ERRORS, Ledger, reason
from warmprefix.stores.sqlite.transaction import transaction
from warmprefix.stores.sqlite.write import (
    Limits,
    checkpoint,
    evict_step,
    shrink,
    totals,
    write_entry,
)

_NOT_STORABLE = (ValueError, TypeError, OverflowError)

Result = TypeVar("Result")


class FileWriter:
    """Writes one file. `tried_to_open`: set once the file is open or could not be opened."""

    def __init__(self, path: Path, limits: Limits, clock: Callable[[], float]) -> None:
        self.ledger = Ledger(path)
        self.tried_to_open = threading.Event()
        self._limits = limits
        self._clock = clock

    @property
    def replaced(self) -> int:
        """How many damaged files were set aside."""
        return self.ledger.replaced

    def totals(self) -> Totals:
        """Counts of the whole file; opens it. Raises StoreError."""
        try:
            return self._run(totals)
        finally:
            self.tried_to_open.set()

    def write(self, entries: Sequence[Entry]) -> Sequence[Finished]:
        """Put these turns. Raises StoreError if none could be written."""
        return self._run(lambda db: self._write(db, entries))

    def evict(self) -> str | None:
        """Drop some nodes of the oldest conversation if the limits ask for it; its id. Raises StoreError."""
        return self._run(self._evict)

    def replace(self, generation: int) -> None:
        """Set the file of that opening aside: it is damaged."""
        with suppress(*DISK_ERRORS):
            self.ledger.replace(generation)

    def close(self) -> None:
        """Empty the journal and close the file."""
        with suppress(StoreError):
            self._run(checkpoint)
        self.ledger.close()

    def _write(self, db: sqlite3.Connection, entries: Sequence[Entry]) -> Sequence[Finished]:
        now_s = self._clock()
        with transaction(db):
            return [_written(db, entry, now_s) for entry in entries]

    def _evict(self, db: sqlite3.Connection) -> str | None:
        with transaction(db):
            evicted = evict_step(db, self._limits, self._clock())
        if evicted is None:
            shrink(db)
        return evicted

    def _run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        try:
            return self.ledger.run(work)
        except DISK_ERRORS as error:
            raise StoreError(reason(error)) from error


def _written(db: sqlite3.Connection, entry: Entry, now_s: float) -> Finished:
    try:
        return Finished(entry, write_entry(db, entry, now_s))
    except _NOT_STORABLE:
        return Finished(entry, is_kept=False)
