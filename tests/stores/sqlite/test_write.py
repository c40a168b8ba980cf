"""What a turn changes in the file, and how the oldest conversation leaves it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.stores.entries import LARGE, chain, entry, raw
from warmprefix.core.memory.ledger import MAX_ALIKE
from warmprefix.core.types import RawJson
from warmprefix.stores.sqlite import write
from warmprefix.stores.sqlite.read import find
from warmprefix.stores.sqlite.schema import migrate
from warmprefix.stores.sqlite.write import Limits, evict_step, totals, write_entry

WIDE = Limits(10**9, 10**9)
NONE = Limits(0, 10**9)
TOOL = RawJson(b'{"name":"f"}')


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        migrate(made)
        yield made


def count(db: sqlite3.Connection, table: str) -> int:
    return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def owners(db: sqlite3.Connection, *texts: str) -> list[str]:
    """The conversation of each message of a history."""
    keys = chain(*texts)
    nodes = find(db, keys).nodes
    return [nodes[key][-1].conversation for key in keys if key in nodes]


def test_a_message_is_kept_once_however_many_share_it(db: sqlite3.Connection) -> None:
    write_entry(db, entry("a", "s", "q"), 1.0)
    write_entry(db, entry("b", "s", "r"), 2.0)

    assert (totals(db).conversations, totals(db).messages) == (2, 3)
    assert count(db, "nodes") == 3
    assert owners(db, "s", "q") == ["b", "a"]


def test_the_same_turn_again_adds_nothing(db: sqlite3.Connection) -> None:
    write_entry(db, entry("a", "s", "q", tools=(TOOL,)), 1.0)
    before = totals(db)
    write_entry(db, entry("a", "s", "q", tools=(TOOL,)), 2.0)

    assert totals(db) == before


@pytest.mark.parametrize("order", [(True, False), (False, True)], ids=["first", "second"])
def test_what_was_generated_once_stays_generated(
    db: sqlite3.Connection, order: tuple[bool, bool]
) -> None:
    for made in order:
        write_entry(db, entry("a", "q", "r", generated=(1,) if made else ()), 1.0)
    keys = chain("q", "r")

    assert [node.generated for node in find(db, keys).nodes[keys[1]]] == [True]


def test_twins_are_told_and_the_latest_of_them_kept(db: sqlite3.Connection) -> None:
    told = [
        write_entry(db, entry("a", "q", "r", bytes_of={1: raw(f"r{n}")}), 1.0)
        for n in range(MAX_ALIKE + 3)
    ]

    assert [len(alike) for alike in told] == [0, *range(2, MAX_ALIKE + 1), *[MAX_ALIKE] * 3]
    assert [node.raw for node in told[-1]] == [raw(f"r{n}") for n in range(3, MAX_ALIKE + 3)]
    assert totals(db).messages == MAX_ALIKE + 1


def test_tools_that_nobody_offers_any_more_leave(db: sqlite3.Connection) -> None:
    write_entry(db, entry("a", "q", tools=(TOOL,)), 1.0)
    write_entry(db, entry("b", "r", tools=(TOOL,)), 1.0)
    write_entry(db, entry("a", "q", tools=()), 2.0)
    assert count(db, "tool_sets") == 1
    write_entry(db, entry("b", "r", tools=(RawJson(b"{}"),)), 2.0)

    assert [row[0] for row in db.execute("SELECT raw FROM tool_sets")] == [b'["{}"]']


def test_text_that_cannot_be_stored_is_refused(db: sqlite3.Connection) -> None:
    with pytest.raises(ValueError, match="surrogates"):
        write_entry(db, entry("\ud800", "q"), 1.0)


EVICTS: list[tuple[str, Limits, float, str | None]] = [
    ("fits", WIDE, 2.0, None),
    ("too-large", NONE, 2.0, "a"),
    ("too-old", Limits(10**9, 5.0), 7.0, "a"),
    ("just-not-too-old", Limits(10**9, 5.0), 6.0, None),
]


@pytest.mark.parametrize(
    ("limits", "now_s", "gone"), [row[1:] for row in EVICTS], ids=[row[0] for row in EVICTS]
)
def test_the_oldest_leaves_if_size_or_age_asks_for_it(
    db: sqlite3.Connection, limits: Limits, now_s: float, gone: str | None
) -> None:
    write_entry(db, entry("a", "q"), 1.0)
    write_entry(db, entry("b", "r"), 1.0)

    assert evict_step(db, limits, now_s) == gone
    assert count(db, "conversations") == (1 if gone else 2)


def test_the_newest_never_leaves(db: sqlite3.Connection) -> None:
    assert evict_step(db, NONE, 1.0) is None
    write_entry(db, entry("a", "q"), 1.0)

    assert evict_step(db, NONE, 10.0**9) is None


def test_which_is_oldest_is_told_by_use_and_not_by_the_clock(db: sqlite3.Connection) -> None:
    for name, used_s in (("a", 9.0), ("b", 1.0), ("c", 2.0)):
        write_entry(db, entry(name, name), used_s)
    write_entry(db, entry("a", "a"), 0.5)

    assert [evict_step(db, NONE, 9.0) for _ in range(3)] == ["b", "c", None]


def test_what_others_lead_from_passes_to_the_last_used_of_them(db: sqlite3.Connection) -> None:
    write_entry(db, entry("a", "s", "q", "own"), 1.0)
    for name in ("b", "c"):
        write_entry(db, entry(name, "s", "q", name), 1.0)
    write_entry(db, entry("a", "s", "q", "own"), 1.0)
    for name in ("b", "c"):
        write_entry(db, entry(name, name), 1.0)

    assert evict_step(db, NONE, 1.0) == "a"
    assert owners(db, "s", "q") == ["c", "c"]
    assert owners(db, "s", "q", "own") == ["c", "c"]
    assert totals(db).messages == 4  # s, q, b, c


def test_a_long_conversation_leaves_in_steps_deepest_first(
    db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "STEP_NODES", 2)
    write_entry(db, entry("a", "1", "2", "3"), 1.0)
    write_entry(db, entry("b", "r"), 1.0)

    assert evict_step(db, NONE, 1.0) == "a"
    assert owners(db, "1", "2", "3") == ["a"]
    assert evict_step(db, WIDE, 1.0) == "a"  # once it has begun to leave, it goes on
    assert (owners(db, "1"), count(db, "conversations")) == ([], 1)


def test_one_that_is_put_again_between_two_steps_stays(
    db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "STEP_NODES", 2)
    write_entry(db, entry("a", "1", "2", "3"), 1.0)
    write_entry(db, entry("b", "r"), 1.0)
    evict_step(db, NONE, 1.0)
    write_entry(db, entry("a", "1", "2", "3"), 1.0)

    assert evict_step(db, WIDE, 1.0) is None
    assert owners(db, "1", "2", "3") == ["a", "a", "a"]


def test_all_that_one_leaves_is_gone(db: sqlite3.Connection) -> None:
    write_entry(db, entry("a", "q", "r", bytes_of={1: LARGE}, tools=(TOOL,)), 1.0)
    write_entry(db, entry("b", "x"), 1.0)
    left = entry("c", "x")
    evict_step(db, NONE, 1.0)

    with closing(sqlite3.connect(":memory:", isolation_level=None)) as other:
        migrate(other)
        write_entry(other, left, 1.0)
        assert totals(db) == totals(other)
    assert count(db, "tool_sets") == 0
