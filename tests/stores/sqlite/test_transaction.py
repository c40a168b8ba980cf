"""A transaction is kept as a whole or not at all."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from warmprefix.stores.sqlite.transaction import transaction


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "t.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE t (a UNIQUE)")
    return path


@pytest.fixture
def db(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(file, timeout=0, isolation_level=None)) as made:
        yield made


def rows(file: Path) -> list[int]:
    with closing(sqlite3.connect(file)) as other:
        return [row[0] for row in other.execute("SELECT a FROM t ORDER BY a")]


def test_what_was_done_is_there_for_others_at_the_end(db: sqlite3.Connection, file: Path) -> None:
    with transaction(db):
        db.execute("INSERT INTO t VALUES (1)")
        assert rows(file) == []

    assert rows(file) == [1]
    assert not db.in_transaction


@pytest.mark.parametrize("error", [sqlite3.IntegrityError, ValueError, KeyboardInterrupt])
def test_an_error_undoes_all_of_it(
    db: sqlite3.Connection, file: Path, error: type[BaseException]
) -> None:
    def fail() -> None:
        db.execute("INSERT INTO t VALUES (1)")
        raise error

    with pytest.raises(error), transaction(db):
        fail()

    assert (rows(file), db.in_transaction) == ([], False)


def test_a_commit_that_fails_leaves_nothing_open(db: sqlite3.Connection, file: Path) -> None:
    db.execute("PRAGMA foreign_keys = 1")
    db.execute("CREATE TABLE u (a REFERENCES t (a) DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(sqlite3.IntegrityError), transaction(db):
        db.execute("INSERT INTO u VALUES (7)")

    assert not db.in_transaction


def test_the_write_lock_is_taken_at_once(db: sqlite3.Connection, file: Path) -> None:
    """One that has only read could not wait for it later."""
    with (
        closing(sqlite3.connect(file, timeout=0, isolation_level=None)) as other,
        transaction(other),
        pytest.raises(sqlite3.OperationalError, match="locked"),
        transaction(db),
    ):
        pass
