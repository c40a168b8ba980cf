"""The open ledger file of the writer: opened again after errors, replaced if it is damaged."""

import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from warmprefix.stores.sqlite.open_file import (
    Identity,
    identity,
    is_damage,
    open_for_writing,
    set_aside,
)

logger = logging.getLogger(__name__)

DISK_ERRORS = (sqlite3.Error, OSError)
# Errors after which the connection is as good as before.
_PASSING = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL})

Result = TypeVar("Result")


class Ledger:
    """Used by one thread. `generation` rises with every opening; 0 means that it is not open yet.

    `replaced`: how many damaged files were set aside. `trouble`: why the last work failed.
    """

    def __init__(self, path: Path) -> None:
        self.generation = 0
        self.replaced = 0
        self.trouble = ""
        self._path = path
        self._identity: Identity | None = None
        self._db: sqlite3.Connection | None = None

    def run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """The result of the work; done once more on a new file if this one proves damaged.

        Raises what the work raised, or one of DISK_ERRORS.
        """
        try:
            return work(self._opened())
        except DISK_ERRORS as error:
            if not is_damage(error):
                self.trouble = reason(error)
                self._forget(error)
                raise
        self._set_aside()
        return work(self._opened())

    def replace(self, generation: int) -> None:
        """Replace the file of that opening, which proved damaged. A file opened since is another one."""
        if generation == self.generation:
            self._set_aside()

    def close(self) -> None:
        """Close the file. The next work opens it again."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _opened(self) -> sqlite3.Connection:
        """The connection; a new one if the path now leads to another file, or to none."""
        current = identity(self._path)
        if self._db is not None and current == self._identity:
            return self._db
        self.close()
        self._identity = current
        self._db = open_for_writing(self._path)
        self._identity = identity(self._path)
        self.generation += 1
        return self._db

    def _set_aside(self) -> None:
        self.close()
        if (aside := set_aside(self._path, self._identity)) is not None:
            self.replaced += 1
            logger.warning(
                "the ledger %s is damaged, or none of this version: it is now %s, and a new one is begun",
                self._path,
                aside.name,
            )

    def _forget(self, error: Exception) -> None:
        code = getattr(error, "sqlite_errorcode", None) or 0
        if (code & 0xFF) not in _PASSING:
            self.close()


def reason(error: Exception) -> str:
    """What an error of the disk says, without Python's notation."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
