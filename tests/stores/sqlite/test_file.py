"""The open ledger of the writer: when it is opened again, and when it is replaced."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stores.files import overwrite
from warmprefix.stores.sqlite.file import Ledger


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    made = Ledger(path)
    yield made
    made.close()


def count(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT conversations FROM totals").fetchone()[0])


def mark(db: sqlite3.Connection) -> None:
    db.execute("UPDATE totals SET conversations = 7")


def raising(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("x")
    error.sqlite_errorcode = code
    return error


def test_it_is_opened_by_the_first_work_and_stays_open(ledger: Ledger, path: Path) -> None:
    assert (ledger.generation, path.exists()) == (0, False)

    assert [ledger.run(count), ledger.run(count)] == [0, 0]
    assert ledger.generation == 1


def test_a_file_that_is_gone_is_made_again(ledger: Ledger, path: Path) -> None:
    ledger.run(mark)
    path.unlink()

    assert ledger.run(count) == 0
    assert (ledger.generation, ledger.replaced) == (2, 0)


ERRORS: list[tuple[str, Exception, int]] = [
    ("locked", raising(sqlite3.SQLITE_BUSY), 1),
    ("full", raising(sqlite3.SQLITE_FULL), 1),
    ("table-locked", raising(sqlite3.SQLITE_LOCKED), 1),
    ("disk", raising(sqlite3.SQLITE_IOERR_WRITE), 2),
    ("without-a-code", sqlite3.OperationalError("x"), 2),
    ("of-the-system", OSError("x"), 2),
]


@pytest.mark.parametrize(
    ("error", "generation"), [row[1:] for row in ERRORS], ids=[row[0] for row in ERRORS]
)
def test_after_an_error_it_is_opened_again_unless_that_passes(
    ledger: Ledger, error: Exception, generation: int
) -> None:
    def fail(db: sqlite3.Connection) -> None:
        raise error

    ledger.run(mark)
    with pytest.raises(type(error)):
        ledger.run(fail)

    assert ledger.run(count) == 7
    assert (ledger.generation, ledger.replaced) == (generation, 0)


def test_any_other_error_is_the_works_own(ledger: Ledger) -> None:
    def fail(db: sqlite3.Connection) -> None:
        raise ValueError("odd")

    with pytest.raises(ValueError, match="odd"):
        ledger.run(fail)

    assert ledger.run(count) == 0
    assert ledger.generation == 1


def test_one_that_proves_damaged_is_replaced_and_the_work_done_once_more(
    ledger: Ledger, path: Path
) -> None:
    ledger.run(mark)
    ledger.close()
    overwrite(path)

    assert ledger.run(count) == 0
    assert ledger.replaced == 1
    assert len(list(path.parent.glob("ledger.db.damaged-*Z"))) == 1


def test_work_that_finds_every_file_damaged_ends(ledger: Ledger) -> None:
    tried = []

    def fail(db: sqlite3.Connection) -> None:
        tried.append(1)
        raise raising(sqlite3.SQLITE_CORRUPT)

    with pytest.raises(sqlite3.OperationalError):
        ledger.run(fail)

    assert len(tried) == 2


def test_what_a_reader_found_damaged_is_replaced_once(ledger: Ledger) -> None:
    """It may have read a file that was replaced meanwhile."""
    ledger.run(mark)
    ledger.replace(1)
    assert (ledger.run(count), ledger.replaced) == (0, 1)

    ledger.run(mark)
    ledger.replace(1)
    assert (ledger.run(count), ledger.replaced) == (7, 1)
