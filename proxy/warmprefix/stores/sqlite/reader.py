"""The connection that reads the ledger file. The first question opens it."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from warmprefix.core.errors import StoreError
from warmprefix.core.memory.ledger import Found, Past
from warmprefix.stores.sqlite import read
from warmprefix.stores.sqlite.file import DISK_ERRORS
from warmprefix.stores.sqlite.open_file import is_damage, open_for_reading
from warmprefix.stores.sqlite.trails import find_past
from warmprefix.stores.sqlite.writer import FileWriter
from warmprefix.stores.timed_reader import LIMIT_S

_NOT_READABLE = (ValueError, TypeError)

Result = TypeVar("Result")


class FileReader:
    """Reads the file that the writer has open."""

    def __init__(
        self, path: Path, writer: FileWriter, report_damage: Callable[[int], None]
    ) -> None:
        """`report_damage` is called with the generation of the writer's opening whose file is damaged."""
        self.db: sqlite3.Connection | None = None
        self._path = path
        self._writer = writer
        self._report_damage = report_damage
        self._generation = 0

    def find(self, keys: Sequence[bytes]) -> Found:
        """What is remembered of these chain keys, by one statement. Raises StoreError."""
        return self.run(lambda db: read.find(db, keys))

    def past(self, conversation: str | None, landmarks: Sequence[bytes]) -> Past | None:
        """The trail to a conversation's last turn, by one statement. Raises StoreError."""
        return self.run(lambda db: find_past(db, conversation, landmarks))

    def run(self, question: Callable[[sqlite3.Connection], Result]) -> Result:
        """The answer to any question. Raises StoreError."""
        try:
            return question(self._connected())
        except _NOT_READABLE as error:
            raise StoreError(f"the ledger contains something unreadable: {error}") from error
        except DISK_ERRORS as error:
            self.disconnect()
            if is_damage(error):
                self._report_damage(self._generation)
            raise StoreError(f"the ledger cannot be read: {error}") from error

    def interrupt(self) -> None:
        """End the statement that is running in the other thread."""
        with suppress(sqlite3.Error):  # that thread may be closing the connection right now
            if self.db is not None:
                self.db.interrupt()

    def disconnect(self) -> None:
        """Close the connection."""
        if self.db is not None:
            self.db.close()
            self.db = None

    def _connected(self) -> sqlite3.Connection:
        """A connection to the file that the writer has open now."""
        self._writer.tried_to_open.wait(LIMIT_S)
        generation = self._writer.ledger.generation
        if generation == 0:
            why = f"{self._path}: {self._writer.ledger.trouble}"
            raise StoreError(f"the ledger could not be opened: {why} (memory.path)")
        if self.db is None or generation != self._generation:
            self.disconnect()
            self._generation = generation
            self.db = open_for_reading(self._path)
        return self.db
