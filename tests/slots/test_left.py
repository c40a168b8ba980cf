"""What conversations have left in slots, and when it is there no more."""

import pytest

from tests.slot_driver import MUCH, ran, state, table_of
from warmprefix.core.slots.slot import Content, Traits
from warmprefix.core.slots.snapshots import Held
from warmprefix.core.types import Prompt
from warmprefix.slots.left import LeftContents
from warmprefix.slots.table import SlotTable


def content(name: str, tokens: int = MUCH) -> Content:
    return Content(Held(name, (b"k",), b"", tokens), Prompt(()))


def names(table: SlotTable) -> list[str]:
    return [one.held.conversation for one in table.left]


def test_the_latest_of_each_conversation_is_remembered() -> None:
    left = LeftContents(())
    for number in range(40):
        left.put(content(str(number)))
    left.put(content("30", 7))

    kept = list(left)
    assert len(kept) == 32
    assert (kept[0].held.conversation, kept[-1].held.tokens) == ("8", 7)
    left.clear()
    assert list(left) == []


@pytest.mark.parametrize(
    ("cached", "shared", "left"),
    [(0, "", ["a", "b"]), (600, "same " * 200, ["b"])],
    ids=["copied", "cut without a copy"],
)
def test_what_another_conversation_went_on_from_is_left_no_more(
    cached: int, shared: str, left: list[str]
) -> None:
    table = table_of(state(0))
    ran(table, "a", 0, shared=shared)
    ran(table, "b", 0, shared=shared, cached=cached)

    assert names(table) == left


def test_what_was_read_or_restored_into_a_slot_takes_its_place() -> None:
    table = table_of(state(0), state(1))
    ran(table, "a", 0)
    table.read_ahead(0, MUCH + 10)
    is_own = names(table)
    table.hold(0, content("an opening"), MUCH)

    assert (is_own, names(table)) == (["a"], [])


@pytest.mark.parametrize("is_copied", [False, True])
def test_a_copy_of_what_stood_there_may_be_in_the_ram_cache(is_copied: bool) -> None:
    table = table_of(state(0), state(1))
    table.traits = Traits(True, True)
    ran(table, "a", 0)
    if is_copied:
        ran(table, "b", 1)
    table.hold(0, None, 0)

    assert ("a" in names(table)) is is_copied
