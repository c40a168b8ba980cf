"""What a slot table learns of the server: what becomes of idle slots."""

import pytest

from tests.slot_driver import MUCH, ran, read, state, stats, table_of, take, whose
from warmprefix.core.slots.slot import Traits


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
