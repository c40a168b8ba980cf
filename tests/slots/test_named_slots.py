"""Slots that replies name."""

import pytest

from tests.slot_driver import MUCH, state, stats, table_of, take, whose


def test_a_reply_that_names_its_slot_needs_no_reading() -> None:
    table = table_of(state(0), state(1))
    seat = take(table, "a")
    table.leave(seat, stats(MUCH), None, 1)

    assert whose(table) == [None, "a"]
    assert table.is_settled
    assert seat.slot == 1


@pytest.mark.parametrize("said", [None, 2], ids=["none", "no-slot-of-this-server"])
def test_without_a_name_the_slot_is_looked_for(said: int | None) -> None:
    table = table_of(state(0), state(1))
    table.leave(take(table, "a"), stats(MUCH), None, said)

    assert whose(table) == [None, None]
    assert not table.is_settled


def test_a_slot_that_another_request_has_used_since_is_looked_for() -> None:
    table = table_of(state(0), state(1))
    other = take(table, "b", 1)
    seat = take(table, "a")
    table.leave(other, stats(MUCH))
    table.leave(seat, stats(MUCH), None, 1)

    assert whose(table) == [None, "b"]
    assert not table.is_settled


def test_a_slot_that_was_asked_for_is_believed_to_be_the_one() -> None:
    table = table_of(state(0), state(1))
    table.leave(take(table, "a", 0), stats(MUCH), None, 1)

    assert whose(table) == ["a", None]
