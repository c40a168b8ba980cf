"""Turns are written together, or counted as lost one by one; what the file raises is ours."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.stores.entries import entry
from tests.stores.files import locked, size
from warmprefix.core.errors import StoreError
from warmprefix.stores.sqlite.write import Limits
from warmprefix.stores.sqlite.writer import FileWriter


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def writing(path: Path, max_bytes: int = 10**9) -> FileWriter:
    return FileWriter(path, Limits(max_bytes, 10**9), lambda: 1.0)


@pytest.fixture
def writer(path: Path) -> Iterator[FileWriter]:
    made = writing(path)
    yield made
    made.close()


def test_the_first_look_opens_the_file_and_says_so(writer: FileWriter, path: Path) -> None:
    assert not writer.tried_to_open.is_set()

    assert writer.totals() == (0, 0, 0)
    assert (writer.tried_to_open.is_set(), path.exists()) == (True, True)


def test_a_file_that_cannot_be_opened_was_tried_too(tmp_path: Path) -> None:
    (tmp_path / "in-the-way").write_text("")
    writer = writing(tmp_path / "in-the-way" / "ledger.db")
    with pytest.raises(StoreError):
        writer.totals()

    assert writer.tried_to_open.is_set()
    writer.close()


def test_one_that_cannot_be_stored_costs_itself_alone(writer: FileWriter) -> None:
    good, bad, last = entry("a", "q"), entry("\ud800", "q"), entry("b", "r")
    done = writer.write([good, bad, last])

    assert [finished.is_kept for finished in done] == [True, False, True]
    assert [finished.entry for finished in done] == [good, bad, last]
    assert writer.totals().conversations == 2


def test_if_the_file_takes_none_it_is_said(
    writer: FileWriter, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warmprefix.stores.sqlite.open_file.WRITE_WAIT_S", 0.0)
    writer.totals()
    with locked(path), pytest.raises(StoreError, match="locked"):
        writer.write([entry("a", "q")])

    assert writer.totals().conversations == 0
    assert writer.write([entry("a", "q")])[0].is_kept


def test_the_oldest_leaves_until_it_fits(path: Path) -> None:
    writer = writing(path, 0)
    writer.write([entry("a", "q"), entry("b", "r")])

    assert [writer.evict(), writer.evict()] == ["a", None]
    writer.close()


def test_a_file_that_was_found_damaged_is_replaced_and_counted(writer: FileWriter) -> None:
    writer.write([entry("a", "q")])
    writer.replace(writer.ledger.generation)

    assert (writer.totals().conversations, writer.replaced) == (0, 1)


def test_at_the_end_the_journal_is_in_the_file(writer: FileWriter, path: Path) -> None:
    """Also if another process has the file open, in which case SQLite leaves it where it is."""
    writer.write([entry("a", "q")])
    with closing(sqlite3.connect(path)) as other:
        other.execute("SELECT 1 FROM totals").fetchall()
        writer.close()

        assert size(Path(f"{path}-wal")) == 0
        assert other.execute("SELECT conversations FROM totals").fetchone() == (1,)
