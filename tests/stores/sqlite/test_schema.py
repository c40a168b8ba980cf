"""Which files are ledgers, and how an older one becomes one of this version."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from warmprefix.stores.sqlite.schema import APPLICATION_ID, MIGRATIONS, NotOurs, check, migrate

NEWEST = len(MIGRATIONS)


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        yield made


def brought_to(db: sqlite3.Connection, version: int) -> None:
    """A ledger as that version left it."""
    for statements in MIGRATIONS[:version]:
        for statement in statements:
            db.execute(statement)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {version}")


def shape(db: sqlite3.Connection) -> list[tuple[str, str]]:
    return sorted(db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))


@pytest.mark.parametrize("version", range(NEWEST + 1))
def test_a_file_of_any_version_becomes_one_of_this(db: sqlite3.Connection, version: int) -> None:
    if version:
        brought_to(db, version)
    migrate(db)

    assert check(db) == NEWEST
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        migrate(fresh)
        assert shape(db) == shape(fresh)


def test_what_an_older_version_remembered_is_still_there(db: sqlite3.Connection) -> None:
    brought_to(db, 1)
    db.execute(
        "INSERT INTO conversations (id, used, used_s, turns, turn, tip, messages, options) "
        "VALUES ('c', 1, 2.0, 3, 't', x'01', 1, x'7B7D')"
    )
    db.execute("INSERT INTO contents (key, raw) VALUES (x'02', x'03')")
    db.execute(
        "INSERT INTO nodes (key, parent, content, generated, conversation, turn) "
        "VALUES (x'01', x'00', 1, 1, 1, 't')"
    )
    before = db.execute("SELECT bytes FROM totals").fetchone()[0]
    migrate(db)

    row = db.execute("SELECT node, key, parent, content, generated, turn FROM nodes").fetchone()
    assert row == (b"\x01", b"\x01", b"\x00", 1, 1, "t")
    assert db.execute("SELECT turns, backend, session FROM conversations").fetchone() == (
        3,
        "",
        None,
    )
    assert db.execute("SELECT conversations, messages FROM totals").fetchone() == (1, 1)
    assert db.execute("SELECT bytes FROM totals").fetchone()[0] == before + 45


def test_one_of_this_version_is_left_as_it_is(db: sqlite3.Connection) -> None:
    migrate(db)
    changes = db.total_changes
    migrate(db)

    assert db.total_changes == changes


def test_an_empty_file_is_of_no_version_yet(db: sqlite3.Connection) -> None:
    assert check(db) == 0


def test_a_database_of_another_application_is_not_touched(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE theirs (a)")
    before = shape(db)
    for look in (check, migrate):
        with pytest.raises(NotOurs, match="another application"):
            look(db)

    assert shape(db) == before


def test_a_file_of_a_newer_version_is_not_touched(db: sqlite3.Connection) -> None:
    brought_to(db, NEWEST)
    db.execute(f"PRAGMA user_version = {NEWEST + 1}")
    with pytest.raises(NotOurs, match=f"version {NEWEST + 1}, newer than {NEWEST}"):
        migrate(db)


def test_a_migration_that_fails_leaves_the_file_as_it_was(
    db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = (*MIGRATIONS[:-1], (*MIGRATIONS[-1], "not a statement"))
    monkeypatch.setattr("warmprefix.stores.sqlite.schema.MIGRATIONS", broken)
    brought_to(db, 1)
    before = shape(db)
    with pytest.raises(sqlite3.OperationalError):
        migrate(db)

    assert (check(db), shape(db)) == (1, before)


COUNTS: list[tuple[str, str, str, tuple[int, int]]] = [
    ("contents", "contents (key, raw) VALUES (x'01', zeroblob(10))", "contents", (1, 100)),
    ("tool-sets", "tool_sets (key, raw) VALUES (x'01', zeroblob(10))", "tool_sets", (0, 100)),
    (
        "nodes",
        "nodes (node, key, parent, content, generated, conversation, turn) "
        "VALUES (x'01', x'01', x'00', 1, 0, 1, 't')",
        "nodes",
        (0, 185),
    ),
    (
        "trails",
        "trails VALUES (1, 't', x'01', 1, 900, NULL, zeroblob(10))",
        "trails",
        (0, 60),
    ),
    ("landmarks", "landmarks VALUES (x'01', 1)", "landmarks", (0, 55)),
]


@pytest.mark.parametrize(
    ("insert", "table", "counted"), [row[1:] for row in COUNTS], ids=[row[0] for row in COUNTS]
)
def test_the_totals_follow_every_row(
    db: sqlite3.Connection, insert: str, table: str, counted: tuple[int, int]
) -> None:
    migrate(db)
    db.execute(f"INSERT INTO {insert}")
    assert db.execute("SELECT messages, bytes FROM totals").fetchone() == counted
    db.execute(f"DELETE FROM {table}")

    assert db.execute("SELECT conversations, messages, bytes FROM totals").fetchone() == (0, 0, 0)
