"""Trails in the ledger file. What every store promises of them: tests/stores/test_contract.py."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from tests.stores.sqlite.test_schema import brought_to
from warmprefix.core.errors import StoreError
from warmprefix.core.identity.keys import DIGEST_BYTES
from warmprefix.core.memory.trail import Trail
from warmprefix.core.types import RawJson
from warmprefix.stores.sqlite.schema import migrate
from warmprefix.stores.sqlite.trails import find_past, put_trail


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        yield made


def test_a_file_without_trails_gets_them_with_the_next_turns(db: sqlite3.Connection) -> None:
    brought_to(db, 3)
    db.execute(
        "INSERT INTO conversations (id, used, used_s, turns, turn, tip, messages, options) "
        "VALUES ('c', 1, 2.0, 3, 't', x'01', 1, x'7B7D')"
    )
    before = db.execute("SELECT * FROM totals").fetchone()
    migrate(db)

    assert find_past(db, "c", []) is None
    assert db.execute("SELECT * FROM totals").fetchone() == before
    put_trail(db, 1, Trail("t", b"leaf", is_reply=False), [bytes(DIGEST_BYTES)])
    found = find_past(db, None, [bytes(DIGEST_BYTES)])
    assert found is not None
    assert (found.conversation.id, found.trail.turn, found.path) == ("c", "t", ())


def test_a_trail_leaves_with_its_conversation(db: sqlite3.Connection) -> None:
    migrate(db)
    db.execute("INSERT INTO trails VALUES (1, 't', x'01', 1, 900, NULL, zeroblob(10))")
    db.execute("INSERT INTO landmarks VALUES (x'01', 1)")
    db.execute(
        "INSERT INTO conversations (number, id, used, used_s, turns, turn, tip, messages, options) "
        "VALUES (1, 'c', 1, 2.0, 3, 't', x'01', 1, x'7B7D')"
    )
    db.execute("DELETE FROM conversations")

    for table in ("trails", "landmarks"):
        assert db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    assert db.execute("SELECT conversations, messages, bytes FROM totals").fetchone() == (0, 0, 0)


@pytest.mark.parametrize("landmark", [b"", b"short"])
def test_a_landmark_of_a_wrong_length_is_refused(db: sqlite3.Connection, landmark: bytes) -> None:
    migrate(db)
    with pytest.raises(StoreError, match="landmark"):
        find_past(db, None, [landmark])


FORMS = [
    pytest.param((0, RawJson(b'"\xff"'), 2), None, ("volatile",), id="of-the-client"),
    pytest.param(None, (RawJson(b"1"), 1), (), id="ours"),
    pytest.param(None, None, ("transient",), id="a-name"),
    pytest.param(None, None, (), id="gaps-alone"),
]


@pytest.mark.parametrize(("client", "ours", "undone"), FORMS)
def test_forms_come_back(
    db: sqlite3.Connection,
    client: tuple[int | RawJson, ...] | None,
    ours: tuple[int | RawJson, ...] | None,
    undone: tuple[str, ...],
) -> None:
    migrate(db)
    db.execute(
        "INSERT INTO conversations (id, used, used_s, turns, turn, tip, messages, options) "
        "VALUES ('c', 1, 2.0, 3, 't', x'01', 1, x'7B7D')"
    )
    trail = Trail("t", b"leaf", is_reply=True, client=client, ours=ours, undone=undone)
    trail = replace(trail, restless=frozenset() if client else frozenset({0, 3}))
    put_trail(db, 1, trail, [])

    found = find_past(db, "c", [])
    assert found is not None
    assert found.trail == trail
