"""Stores on files, and the files themselves."""

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.stores.entries import entry
from warmprefix.stores.behind import FRONT_BYTES
from warmprefix.stores.sqlite.store import SqliteStore


def open_store(path: Path, max_bytes: int = 10**9, front_bytes: int = FRONT_BYTES) -> SqliteStore:
    return SqliteStore(path, max_bytes, 10**9, front_bytes=front_bytes)


async def fill(path: Path, *names: str) -> None:
    """A file with these conversations, of one message each, closed again."""
    made = open_store(path)
    for name in names:
        made.put(entry(name, name))
    await made.close()


def content(path: Path) -> bytes:
    return path.read_bytes()


def replace(path: Path, new: bytes, mode: int = 0o600) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(new)
    path.chmod(mode)


def size(path: Path) -> int:
    return path.stat().st_size


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def remove(path: Path) -> None:
    path.unlink()


def move(path: Path) -> None:
    path.rename(path.with_name("other"))


def execute(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(statement)


def overwrite(path: Path) -> None:
    """All pages behind the first become garbage, under an open store."""
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size(path) - 4096))


@contextmanager
def locked(path: Path, lock: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """Another connection has the write lock, or what `lock` asks for."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in lock.split(";"):
            db.execute(statement)
        yield
