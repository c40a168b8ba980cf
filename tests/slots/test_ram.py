"""What the RAM cache of a server is taken to have, as a slot table learns it."""

from dataclasses import replace

import pytest

from tests.slot_driver import MUCH, at, left, prompt, ran, read, state, stats, table_of, take, wish
from warmprefix.core.slots.slot import SlotChoice, TakenFrom, Traits, Wish
from warmprefix.core.slots.snapshots import Snapshot
from warmprefix.core.types import RawJson
from warmprefix.slots.table import SlotTable

SNAPSHOT = Snapshot("f", "b", "a", "t", "h", 1, MUCH, 1, 0.0, 0.0)


def test_what_is_cut_is_in_the_ram_cache_until_it_comes_back() -> None:
    table = table_of(state(0), state(1))
    found = []
    for name in ("a", "b", "a"):
        ran(table, name, 0)
        found.append(table.remembers(wish("a")).in_ram)

    assert found == [False, True, False]
    assert table.remembers(wish("b")).in_ram


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

    assert not table.remembers(wish("a")).in_ram


def test_the_ram_cache_of_a_single_slot_is_known_too() -> None:
    table = table_of(state(0))
    ran(table, "a", None)
    ran(table, "b", None)

    assert table.remembers(wish("a")).in_ram


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
    assert not table.remembers(wish("a")).in_ram


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

    assert [table.remembers(wish(name)).in_ram for name in names[-35:]] == [False] * 2 + [
        True
    ] * 32 + [False]
    assert not table.remembers(wish(names[0])).was_here
    assert all(table.remembers(wish(name)).was_here for name in names[1:])


def test_a_new_start_has_nothing_in_its_ram_cache() -> None:
    table = table_of(state(0), state(1))
    ran(table, "a", 0)
    ran(table, "b", 0)
    table.follow(1)

    assert not table.remembers(wish("a")).in_ram


# What is there is known by what was found cached, too.

CLEARS = Traits(keeps_idle=False, has_ram=True)


def cleared(*names: str, cached: int = 0, other_tools: bool = False) -> SlotTable:
    """A table of two slots that are cleared when idle: the requests are recognised in slot 0, one by one.
    `other_tools`: all but the first have other tools, so that their texts cannot be compared with it."""
    table = table_of(state(0), state(1))
    table.traits = CLEARS
    for number, name in enumerate(names):
        asked = prompt(name, *["More."] * number)
        if number and other_tools:
            asked = replace(asked, template_options={"documents": RawJson(b"[]")})
        seat = table.take(wish(name, number + 1), asked, 1, at(None))
        tokens = MUCH + number
        seen = stats(tokens, cached if number else 0)
        table.leave(seat, seen)
        table.read([state(0, tokens, number + 3), state(1)], table.events, [left(seat, seen)])
    return table


def test_what_was_cleared_is_in_the_ram_cache() -> None:
    table = cleared("a")
    read(table, state(0, 0, 3), state(1, 500, 9))

    assert table.remembers(wish("a", 2)).recall_tokens == MUCH
    assert table.remembers(wish("a", 2, is_side=True)).recall_tokens == 0
    assert table.remembers(replace(wish("a", 2), keys=(b"edited",))).recall_tokens == 0
    assert table.remembers(wish("b")).recall_tokens == 0


def test_what_was_found_in_a_slot_and_cut_is_in_the_ram_cache() -> None:
    table = cleared("a", "b")

    assert table.remembers(wish("a", 2)).recall_tokens == MUCH


@pytest.mark.parametrize(
    ("cached", "is_saved"),
    [
        pytest.param(MUCH // 2 - 1, True, id="less-than-half"),
        pytest.param(MUCH // 2, False, id="half"),
        pytest.param(0, False, id="nothing-tells"),
    ],
)
def test_with_other_tools_the_counts_tell_whether_it_was_saved(cached: int, is_saved: bool) -> None:
    table = cleared("a", "b", cached=cached, other_tools=True)

    assert (table.remembers(wish("a", 2)).recall_tokens > 0) == is_saved


def test_without_a_ram_cache_the_counts_tell_nothing() -> None:
    table = table_of(state(0), state(1))
    table.traits = Traits(True, False)
    ran(table, "a", 0)
    asked = replace(prompt("b"), template_options={"documents": RawJson(b"[]")})
    seat = table.take(wish("b"), asked, 1, at(0))
    table.leave(seat, stats(MUCH, MUCH // 4))

    assert table.remembers(wish("a", 2)).recall_tokens == 0


def taken_from(table: SlotTable, slot: int = 0) -> TakenFrom | None:
    content = table.slots[slot].content
    assert content is not None
    return content.taken_from


def test_a_cousin_says_how_much_it_was_given() -> None:
    table = cleared("a", "b", "b", cached=MUCH // 4, other_tools=True)

    assert taken_from(table) == TakenFrom("a", MUCH // 4)


@pytest.mark.parametrize("cached", [0, 127])
def test_so_little_is_nothing(cached: int) -> None:
    assert taken_from(cleared("a", "b", cached=cached, other_tools=True)) is None


def test_what_is_unlike_the_slot_came_from_the_ram_cache() -> None:
    """It is not known which of the copies it was; none of those is counted on any more."""
    table = table_of(state(0), state(1))
    for name in ("a", "b"):
        ran(table, name, 0)
    in_ram = table.remembers(wish("a", 2)).recall_tokens
    seat = table.take(wish("c"), prompt("c", shared="a" * 600), 1, freely)
    seat.slot = 1
    table.leave(seat, stats(MUCH, 600))

    assert in_ram == MUCH
    assert table.remembers(wish("a", 2)).recall_tokens == 0
    assert taken_from(table, 1) is None


@pytest.mark.parametrize(
    ("shared", "cached"),
    [
        pytest.param("c" * 600, 600, id="it-is-unlike-the-request"),
        pytest.param("a" * 600, MUCH // 4 - 1, id="less-than-a-quarter-of-it-was-reused"),
    ],
)
def test_what_was_certainly_not_given_is_there_still(shared: str, cached: int) -> None:
    table = table_of(state(0), state(1))
    for name in ("a", "b"):
        ran(table, name, 0)
    seat = table.take(wish("c"), prompt("c", shared=shared), 1, freely)
    seat.slot = 1
    table.leave(seat, stats(MUCH, cached))

    assert table.remembers(wish("a", 2)).recall_tokens == MUCH


def test_what_a_copy_had_begun_with_the_request_begins_with_too() -> None:
    """A second sub-agent is given the first one's copy. For that the conversation in its slot was copied."""
    table = cleared("a")
    tools = {"documents": RawJson(b"[]")}
    for number, (name, shared, cached) in enumerate(
        (("b", "s" * 300, MUCH // 4), ("a", "", MUCH), ("c", "s" * 300, 300 * MUCH // 802))
    ):
        asked = replace(prompt(name, shared=shared), template_options=tools if shared else {})
        seat = table.take(wish(name, 1 if shared else 2), asked, 1, freely)
        found = stats(MUCH + number, cached)
        table.leave(seat, found)
        here = state(0, MUCH + number, number + 7)
        table.read([here, state(1)], table.events, [left(seat, found)])
        if name == "b":
            read(table, state(0, 0, 7), state(1, 1, 8))

    assert taken_from(table) == TakenFrom("a", MUCH // 4)
    assert table.remembers(wish("a", 2)).recall_tokens == MUCH + 1
    assert table.remembers(wish("b")).recall_tokens == 0


def freely(wish: Wish, slots: object, shares: object, traits: object) -> SlotChoice:
    """The choice is left to the server."""
    return SlotChoice(None, "free")


def test_a_task_that_is_started_copies_what_is_idle() -> None:
    def recall(wish: Wish, slots: object, shares: object, traits: object) -> SlotChoice:
        return SlotChoice(None, "back", "recall", start=0)

    table = cleared("a", "b")
    table.take(wish("a", 2), prompt("a", "More."), 2, recall)

    assert table.remembers(wish("b", 3)).recall_tokens == MUCH + 1
