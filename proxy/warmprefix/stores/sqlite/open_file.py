"""The ledger file as a file: who may read it, how it is opened, and what happens to a damaged one."""

import os
import sqlite3
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from warmprefix.stores.sqlite.schema import NotOurs, check, migrate

# How long the writer waits for another process. Only flush and close wait for the writer.
WRITE_WAIT_S = 1.0
# Below the reader's time limit, so that a locked file can be distinguished from a slow one.
READ_WAIT_S = 0.2
# Shrinks the -wal file again after a large batch.
_WAL_BYTES = 16 * 1024 * 1024
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_COMPANIONS = ("-wal", "-shm")

Identity = tuple[int, int]
"""Device and inode: which file a path leads to."""


def open_for_writing(path: Path) -> sqlite3.Connection:
    """The ledger, created or migrated if needed, readable by its owner only.

    Raises OSError or sqlite3.Error; `is_damage` tells whether the file must be set aside.
    """
    _restrict(path)
    db = sqlite3.connect(path, timeout=WRITE_WAIT_S, isolation_level=None, check_same_thread=False)
    try:
        check(db)  # before anything is written to a file that may not be ours
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # has no effect after the first table
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")  # a crash of the machine may cost the last turns
        db.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
        migrate(db)
    except BaseException:
        db.close()
        raise
    return db


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A second connection that cannot write and does not create the file."""
    uri = f"{path.absolute().as_uri()}?mode=rw"
    db = sqlite3.connect(
        uri, timeout=READ_WAIT_S, isolation_level=None, check_same_thread=False, uri=True
    )
    db.execute("PRAGMA query_only = 1")
    return db


def identity(path: Path) -> Identity | None:
    """Which file the path leads to now; None if there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def is_damage(error: Exception) -> bool:
    """Whether the error means that the file is not, or no longer, a ledger of this version."""
    code = getattr(error, "sqlite_errorcode", None) or 0
    return isinstance(error, NotOurs) or (code & 0xFF) in _DAMAGE


def set_aside(path: Path, damaged: Identity | None) -> Path | None:
    """Rename the damaged file and its journal; its new name. None if another process has done so already."""
    if damaged is None or identity(path) != damaged:
        return None
    aside = _aside(path)
    path.rename(aside)
    for end in _COMPANIONS:
        companion = Path(f"{path}{end}")
        if companion.exists():
            companion.rename(f"{aside}{end}")
    return aside


def _aside(path: Path) -> Path:
    """A name that no earlier damaged file has."""
    name = f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    aside, count = path.with_name(name), 1
    while aside.exists():
        aside, count = path.with_name(f"{name}-{count}"), count + 1
    return aside


def _restrict(path: Path) -> None:
    """Set modes: a new folder 0700, the file always 0600; SQLite gives -wal and -shm the mode of the file.

    An existing file is not opened here: closing it would drop the locks that another connection of
    this process holds (source: sqlite.org/howtocorrupt.html, section 2.2).
    """
    if not path.parent.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.chmod(0o700)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    for end in ("", *_COMPANIONS):
        file = Path(f"{path}{end}")
        if file.exists():
            file.chmod(0o600)
