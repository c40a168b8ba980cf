"""What a question to the ledger file raises is ours, and the file that is asked is the one that is written.
Its time limit: tests/stores/test_timed_reader.py."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stores.entries import chain, entry
from warmprefix.core.errors import StoreError
from warmprefix.stores.sqlite.reader import FileReader
from warmprefix.stores.sqlite.write import Limits
from warmprefix.stores.sqlite.writer import FileWriter


class Desk:
    """A reader and the writer of its file. `damaged`: openings that were reported as damaged."""

    def __init__(self, path: Path) -> None:
        self.damaged: list[int] = []
        self.writer = FileWriter(path, Limits(10**9, 10**9), lambda: 1.0)
        self.reader = FileReader(path, self.writer, self.damaged.append)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "ledger.db")
    made.writer.totals()
    yield made
    made.reader.disconnect()
    made.writer.close()


def one(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT 1").fetchone()[0])


def raising(code: int) -> sqlite3.Error:
    error = sqlite3.DatabaseError("x")
    error.sqlite_errorcode = code
    return error


def test_what_is_written_is_found_on_one_connection(desk: Desk) -> None:
    desk.writer.write([entry("a", "q")])
    assert list(desk.reader.find(chain("q", "r")).nodes) == chain("q")
    first = desk.reader.db
    assert desk.reader.find(chain("r")).nodes == {}

    assert desk.reader.db is first


ERRORS: list[tuple[str, Exception, str, bool, list[int]]] = [
    # what a question raises; what is said of it, whether the connection is closed, what is reported
    ("ours", StoreError("a wrong key"), "a wrong key", False, []),
    ("unreadable", ValueError("x"), "something unreadable: x", False, []),
    ("of-another-type", TypeError("x"), "something unreadable: x", False, []),
    ("disk", OSError("x"), "cannot be read: x", True, []),
    ("locked", raising(sqlite3.SQLITE_BUSY), "cannot be read: x", True, []),
    ("damaged", raising(sqlite3.SQLITE_CORRUPT), "cannot be read: x", True, [1]),
]


@pytest.mark.parametrize(
    ("error", "says", "closes", "reported"),
    [row[1:] for row in ERRORS],
    ids=[row[0] for row in ERRORS],
)
def test_whatever_a_question_raises_is_ours_afterwards(
    desk: Desk, error: Exception, says: str, closes: bool, reported: list[int]
) -> None:
    def fail(db: sqlite3.Connection) -> None:
        raise error

    with pytest.raises(StoreError, match=says):
        desk.reader.run(fail)

    assert (desk.reader.db is None) is closes
    assert desk.damaged == reported
    assert desk.reader.run(one) == 1


def test_after_another_file_was_opened_that_one_is_asked(desk: Desk) -> None:
    desk.writer.write([entry("a", "q")])
    assert desk.reader.find(chain("q")).nodes
    desk.writer.replace(1)
    desk.writer.totals()

    assert desk.reader.find(chain("q")).nodes == {}


def test_without_a_file_there_is_no_answer(tmp_path: Path) -> None:
    (tmp_path / "in-the-way").write_text("")
    desk = Desk(tmp_path / "in-the-way" / "ledger.db")
    with pytest.raises(StoreError):
        desk.writer.totals()

    with pytest.raises(StoreError, match=r"could not be opened: .*ledger\.db: Not a directory"):
        desk.reader.run(one)


def test_a_statement_that_runs_is_ended(desk: Desk) -> None:
    def endless(db: sqlite3.Connection) -> None:
        db.set_progress_handler(desk.reader.interrupt, 10_000)
        db.execute(
            "WITH RECURSIVE n (a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM n) SELECT max(a) FROM n"
        )

    with pytest.raises(StoreError, match="interrupted"):
        desk.reader.run(endless)
    desk.reader.interrupt()  # nothing runs any more
