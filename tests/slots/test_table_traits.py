"""What a slot table learns of the server: what becomes of idle slots, and what its RAM cache has."""

from dataclasses import replace

import pytest

from tests.slot_driver import MUCH, at, prompt, ran, read, state, stats, table_of, take, whose, wish
from warmprefix.core.slots.slot import Traits
from warmprefix.core.slots.snapshots import Snapshot
from warmprefix.slots.table import SlotTable


@pytest.mark.parametrize(("left", "keeps"), [(MUCH, True), (0, False)])
def test_what_the_server_does_with_idle_slots_is_learnt(left: int, keeps: bool) -> None:
    table = table_of(state(0), state(1))
    ran(table, "a", 0)
    read(table, state(0, MUCH, 3), state(1))
    before = table.traits
    ran(table, "b", 1, 700)
    read(table, state(0, left, 3), state(1, 700, 5))

    assert (before.keeps_idle, table.traits.keeps_idle) == (None, keeps)
    assert whose(table) == ["a" if keeps else None, "b"]


SNAPSHOT = Snapshot("f", "b", "a", "t", "h", 1, MUCH, 1, 0.0, 0.0)


def test_it_is_not_learnt_from_a_slot_that_was_busy_when_the_other_task_started() -> None:
    table = table_of(state(0), state(1))
    first, second = take(table, "a", 0), take(table, "b", 1)
    table.leave(first, stats(MUCH))
    table.leave(second, stats(700))
    read(table, state(0, MUCH, 3), state(1, 700, 4))
    read(table, state(0, MUCH, 3), state(1, 700, 4))

    assert table.traits.keeps_idle is None


def test_it_is_not_learnt_from_a_slot_that_was_used_since_the_slots_were_asked() -> None:
    table = table_of(state(0), state(1))
    ran(table, "a", 0)
    read(table, state(0, MUCH, 3), state(1))
    asked = table.events
    table.hold(0, table.slots[0].content, 2 * MUCH)
    table.read([state(0, 0, 3), state(1, 700, 5)], asked)

    assert table.traits.keeps_idle is None


def test_it_is_taken_to_be_as_before_the_server_started_anew() -> None:
    table = table_of(state(0), state(1))
    table.traits = Traits(True, False)
    table.follow(1)
    read(table, state(0), state(1))

    assert table.traits == Traits(True, False)


# What the RAM cache has.


def test_what_is_cut_is_in_the_ram_cache_until_it_comes_back() -> None:
    table = table_of(state(0), state(1))
    found = []
    for name in ("a", "b", "a"):
        ran(table, name, 0)
        found.append(table.is_in_ram("a"))

    assert found == [False, True, False]
    assert table.is_in_ram("b")


@pytest.mark.parametrize(
    ("traits", "shared"),
    [
        pytest.param(Traits(True, False), "", id="no-ram-cache"),
        pytest.param(Traits(), "same " * 200, id="half-stays"),
    ],
)
def test_what_is_cut_is_not_in_the_ram_cache(traits: Traits, shared: str) -> None:
    table = table_of(state(0), state(1))
    table.traits = traits
    ran(table, "a", 0, shared=shared)
    ran(table, "b", 0, shared=shared)

    assert not table.is_in_ram("a")


def test_the_ram_cache_of_a_single_slot_is_known_too() -> None:
    table = table_of(state(0))
    ran(table, "a", None)
    ran(table, "b", None)

    assert table.is_in_ram("a")


def came_back(table: SlotTable, cached: int) -> bool | None:
    """A conversation is cut, and comes back with so many tokens found cached."""
    ran(table, "a", 0)
    ran(table, f"other {cached} {table.events}", 0)
    ran(table, "a", 0, messages=2, cached=cached)
    return table.traits.has_ram


def test_whether_there_is_a_ram_cache_is_told_by_what_comes_back() -> None:
    assert came_back(table_of(state(0)), MUCH) is True
    assert came_back(table_of(state(0)), MUCH // 2) is True
    assert came_back(table_of(state(0)), MUCH // 2 - 1) is False


def test_one_that_was_not_there_may_have_been_evicted_two_may_not() -> None:
    table = table_of(state(0))
    found = [came_back(table, cached) for cached in (MUCH, 0, MUCH, 0, 0)]

    assert found == [True, True, True, True, False]


@pytest.mark.parametrize(
    ("keys", "cached"),
    [
        pytest.param(wish("a", 2).keys, None, id="not-reported"),
        pytest.param((b"edited",), 0, id="it-does-not-go-on"),
    ],
)
def test_what_tells_nothing_of_the_ram_cache(keys: tuple[bytes, ...], cached: int | None) -> None:
    table = table_of(state(0), state(1))
    ran(table, "a", 0)
    ran(table, "b", 0)
    seat = table.take(replace(wish("a"), keys=keys), prompt("a"), 2, at(0))
    table.leave(seat, stats(MUCH, cached))

    assert table.traits.has_ram is None
    assert not table.is_in_ram("a")


def test_what_was_restored_from_a_file_tells_nothing_of_the_ram_cache() -> None:
    table = table_of(state(0), state(1))
    ran(table, "a", 0)
    ran(table, "b", 0)
    seat = take(table, "a", 0, 2)
    seat.restored = SNAPSHOT
    table.leave(seat, stats(MUCH, MUCH))

    assert table.traits.has_ram is None


def test_of_the_ram_cache_and_of_conversations_only_the_latest_are_remembered() -> None:
    table = table_of(state(0), state(1))
    names = [chr(0x4E00 + number) for number in range(1001)]
    for name in names:
        ran(table, name, 0, MUCH)

    assert [table.is_in_ram(name) for name in names[-35:]] == [False] * 2 + [True] * 32 + [False]
    assert not table.has_seen(names[0])
    assert all(map(table.has_seen, names[1:]))


def test_a_new_start_has_nothing_in_its_ram_cache() -> None:
    table = table_of(state(0), state(1))
    ran(table, "a", 0)
    ran(table, "b", 0)
    table.follow(1)

    assert not table.is_in_ram("a")
