"""The ledger file as a file: who may read it, what counts as damage, and what becomes of a damaged one."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.stores.files import mode
from warmprefix.stores.sqlite.open_file import (
    identity,
    is_damage,
    open_for_reading,
    open_for_writing,
    set_aside,
)
from warmprefix.stores.sqlite.schema import NotOurs


def made(path: Path) -> None:
    open_for_writing(path).close()


def failing(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("x")
    error.sqlite_errorcode = code
    return error


DAMAGE: list[tuple[str, Exception, bool]] = [
    ("not-ours", NotOurs("x"), True),
    ("corrupt", failing(sqlite3.SQLITE_CORRUPT), True),
    ("corrupt-index", failing(sqlite3.SQLITE_CORRUPT_INDEX), True),
    ("no-database", failing(sqlite3.SQLITE_NOTADB), True),
    ("full", failing(sqlite3.SQLITE_FULL), False),
    ("locked", failing(sqlite3.SQLITE_BUSY), False),
    ("not-readable", failing(sqlite3.SQLITE_IOERR_READ), False),
    ("without-a-code", sqlite3.OperationalError("x"), False),
    ("of-the-system", OSError("x"), False),
]


@pytest.mark.parametrize(
    ("error", "expected"), [row[1:] for row in DAMAGE], ids=[row[0] for row in DAMAGE]
)
def test_what_counts_as_damage(error: Exception, expected: bool) -> None:
    assert is_damage(error) is expected


def test_only_the_owner_may_read_what_is_made(tmp_path: Path) -> None:
    path = tmp_path / "data" / "ledger.db"
    with closing(open_for_writing(path)) as db:
        db.execute("UPDATE totals SET bytes = 0")
        files = sorted(file for file in path.parent.iterdir())

        assert mode(path.parent) == 0o700
        assert [file.name for file in files] == ["ledger.db", "ledger.db-shm", "ledger.db-wal"]
        assert {mode(file) for file in files} == {0o600}


def test_a_folder_that_is_there_keeps_its_mode_and_a_file_loses_what_others_may(
    tmp_path: Path,
) -> None:
    tmp_path.chmod(0o755)
    made(tmp_path / "ledger.db")
    (tmp_path / "ledger.db").chmod(0o644)
    made(tmp_path / "ledger.db")

    assert (mode(tmp_path), mode(tmp_path / "ledger.db")) == (0o755, 0o600)


def test_a_file_that_is_not_ours_is_not_written_to(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE theirs (a)")
    before = path.read_bytes()
    with pytest.raises(NotOurs):
        open_for_writing(path)

    assert path.read_bytes() == before


def test_a_reader_makes_no_file_and_writes_to_none(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with pytest.raises(sqlite3.OperationalError), closing(open_for_reading(path)) as db:
        db.execute("SELECT 1 FROM totals")
    assert not path.exists()
    made(path)

    with closing(open_for_reading(path)) as db:
        assert db.execute("SELECT bytes FROM totals").fetchone() == (0,)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            db.execute("DELETE FROM totals")


def test_a_path_with_odd_letters_is_the_same_for_both(tmp_path: Path) -> None:
    path = tmp_path / "a b%20?#é.db"
    made(path)

    with closing(open_for_reading(path)) as db:
        assert db.execute("SELECT bytes FROM totals").fetchone() == (0,)


def test_a_damaged_file_leaves_with_its_journal(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    for end in ("", "-wal", "-shm"):
        Path(f"{path}{end}").write_text(end or "file")

    assert set_aside(path, identity(path))
    aside = sorted(file.name for file in tmp_path.iterdir())
    assert len(aside) == 3
    assert aside[0].startswith("ledger.db.damaged-")
    assert aside[1:] == [f"{aside[0]}-shm", f"{aside[0]}-wal"]
    assert (tmp_path / aside[0]).read_text() == "file"


def test_each_that_leaves_in_one_second_keeps_a_name_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    for number in range(4):
        path.write_text(str(number))
        assert set_aside(path, identity(path))

    assert sorted(file.read_text() for file in tmp_path.iterdir()) == ["0", "1", "2", "3"]


def test_one_that_another_process_has_replaced_is_left(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_text("damaged")
    damaged = identity(path)
    (tmp_path / "new").write_text("new")
    (tmp_path / "new").rename(path)

    assert set_aside(path, damaged) is None
    assert not set_aside(path, None)
    path.unlink()
    assert set_aside(path, damaged) is None
    assert identity(path) is None
