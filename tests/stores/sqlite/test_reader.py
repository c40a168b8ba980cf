"""Questions to the file are answered in time or not at all, and none of them raises anything else."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from tests.stores.files import open_store
from warmprefix.core.errors import StoreError
from warmprefix.stores import timed_reader as module
from warmprefix.stores.sqlite.reader import FileReader
from warmprefix.stores.sqlite.store import SqliteStore
from warmprefix.stores.timed_reader import TimedReader

Result = TypeVar("Result")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    made = open_store(tmp_path / "ledger.db")
    await made.flush()
    yield made
    await made.close()


async def ask(store: SqliteStore, question: Callable[[sqlite3.Connection], Result]) -> Result:
    """The answer of the store's file, under the limit that every question has."""
    return await store.reader.ask(partial(store.file_reader.run, question))


def one(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT 1").fetchone()[0])


def raising(code: int) -> sqlite3.Error:
    error = sqlite3.DatabaseError("x")
    error.sqlite_errorcode = code
    return error


async def test_a_question_is_answered_on_one_connection(store: SqliteStore) -> None:
    assert await ask(store, one) == 1
    first = store.file_reader.db
    assert await ask(store, one) == 1

    assert store.file_reader.db is first


ERRORS: list[tuple[str, Exception, str, bool, int]] = [
    # what a question raises; what is said of it, whether the connection is closed, files replaced
    ("ours", StoreError("a wrong key"), "a wrong key", False, 0),
    ("unreadable", ValueError("x"), "something unreadable: x", False, 0),
    ("of-another-type", TypeError("x"), "something unreadable: x", False, 0),
    ("disk", OSError("x"), "cannot be read: x", True, 0),
    ("locked", raising(sqlite3.SQLITE_BUSY), "cannot be read: x", True, 0),
    ("damaged", raising(sqlite3.SQLITE_CORRUPT), "cannot be read: x", True, 1),
]


@pytest.mark.parametrize(
    ("error", "says", "closes", "replaced"),
    [row[1:] for row in ERRORS],
    ids=[row[0] for row in ERRORS],
)
async def test_whatever_a_question_raises_is_ours_afterwards(
    store: SqliteStore, error: Exception, says: str, closes: bool, replaced: int
) -> None:
    def fail(db: sqlite3.Connection) -> None:
        raise error

    with pytest.raises(StoreError, match=says):
        await ask(store, fail)

    assert (store.file_reader.db is None) is closes
    await store.flush()
    assert store.state().replaced == replaced
    assert await ask(store, one) == 1


async def test_while_one_is_late_the_next_is_not_asked(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LIMIT_S", 0.05)
    go_on = threading.Event()

    def late(db: sqlite3.Connection) -> None:
        go_on.wait(30)

    with pytest.raises(StoreError, match=r"within 0\.05 s"):
        await ask(store, late)
    with pytest.raises(StoreError, match="an earlier question"):
        await ask(store, one)
    go_on.set()
    monkeypatch.setattr(module, "LIMIT_S", 30.0)
    assert store.reader._late is not None
    await store.reader._late

    assert await ask(store, one) == 1


async def test_after_another_file_was_opened_that_one_is_asked(store: SqliteStore) -> None:
    await ask(store, one)
    first = store.file_reader.db
    store.file_writer.ledger.generation += 1

    await ask(store, one)
    assert store.file_reader.db is not first


async def test_without_a_file_there_is_no_answer(tmp_path: Path) -> None:
    (tmp_path / "in-the-way").write_text("")
    made = open_store(tmp_path / "in-the-way" / "ledger.db")
    with pytest.raises(StoreError, match="could not be opened"):
        await ask(made, one)
    await made.close()


async def test_a_late_question_does_not_hold_up_the_end(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LIMIT_S", 0.05)
    go_on = threading.Event()
    file = FileReader(store.file_writer.ledger._path, store.file_writer, lambda _: None)
    reader = TimedReader(file)
    with pytest.raises(StoreError):
        await reader.ask(lambda: go_on.wait(30))
    async with asyncio.timeout(10):
        await reader.close()
    go_on.set()
    assert reader._late is not None
    await reader._late
