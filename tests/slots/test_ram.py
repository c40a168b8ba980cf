"""What the RAM cache of a server is taken to have, as a slot table learns it."""

from dataclasses import replace

import pytest

from tests.slot_driver import MUCH, at, prompt, ran, state, stats, table_of, take, wish
from warmprefix.core.slots.slot import Traits
from warmprefix.core.slots.snapshots import Snapshot
from warmprefix.slots.table import SlotTable

SNAPSHOT = Snapshot("f", "b", "a", "t", "h", 1, MUCH, 1, 0.0, 0.0)


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
