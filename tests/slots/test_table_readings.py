"""What `/slots` says finds what the server placed, and is about what nothing has touched since it was asked."""

import pytest

from tests.fakes.scripted_replies import dump
from tests.slot_driver import (
    MUCH,
    left,
    ran,
    read,
    state,
    stats,
    table_of,
    take,
    whose,
)
from warmprefix.core.slots.slot import LEAST_LOSS_TOKENS, Traits
from warmprefix.core.slots.state import SlotState
from warmprefix.dialects.chat_completions.messages import parse_message
from warmprefix.slots.table import SlotTable

REPLY = parse_message(dump({"role": "assistant", "content": "Done."}))


# What the server places.


def test_what_the_server_placed_is_found_by_its_tokens_and_a_later_task() -> None:
    table = table_of(state(0), state(1, 300, 3))
    seat = take(table, "a")
    settled = [table.is_settled]
    table.leave(seat, stats(MUCH))
    settled.append(table.is_settled)
    table.read(
        [state(0, MUCH, 4), state(1, 300, 3)], table.events, [left(seat, stats(MUCH), REPLY)]
    )

    assert seat.slot == 0
    assert whose(table) == ["a", "?"]
    assert table.slots[0].task == 4
    assert [*settled, table.is_settled] == [False, False, True]


def test_it_is_found_by_the_first_reading_too() -> None:
    table = SlotTable()
    seat = take(table, "a")
    table.leave(seat, stats(MUCH))
    table.read([state(0), state(1, MUCH, 4)], table.events, [left(seat, stats(MUCH))])

    assert seat.slot == 1
    assert whose(table) == [None, "a"]


def test_one_reading_is_for_all_that_have_ended() -> None:
    table = table_of(state(0), state(1), state(2))
    seats = [take(table, name) for name in "ab"]
    for seat, tokens in zip(seats, (MUCH, 700), strict=True):
        table.leave(seat, stats(tokens))
    ended = [left(seats[0], stats(MUCH)), left(seats[1], stats(700))]
    table.read([state(0, 700, 4), state(1), state(2, MUCH, 5)], table.events, ended)

    assert [seat.slot for seat in seats] == [2, 0]
    assert whose(table) == ["b", None, "a"]
    assert table.is_settled


def test_of_two_that_may_have_run_in_one_slot_neither_is_found() -> None:
    table = table_of(state(0), state(1, 300, 3))
    seats = [take(table, name) for name in "ab"]
    for seat in seats:
        table.leave(seat, stats(MUCH))
    ended = [left(seat, stats(MUCH)) for seat in seats]
    table.read([state(0, MUCH, 5), state(1, 300, 3)], table.events, ended)

    assert [seat.slot for seat in seats] == [None, None]
    assert whose(table) == ["?", "?"]


@pytest.mark.parametrize(
    "states",
    [
        pytest.param([state(0, MUCH, 4), state(1, MUCH, 5)], id="two-candidates"),
        pytest.param([state(0, MUCH + 1, 4), state(1, 300, 3)], id="other-tokens"),
        pytest.param([state(0, MUCH, 4, busy=True), state(1, 300, 3)], id="busy-again"),
    ],
)
def test_it_is_not_found(states: list[SlotState]) -> None:
    table = table_of(state(0), state(1, 300, 3))
    seat = take(table, "a")
    table.leave(seat, stats(MUCH))
    table.read(states, table.events, [left(seat, stats(MUCH))])

    assert seat.slot is None
    assert "a" not in whose(table)


def test_it_is_not_where_no_task_has_ended_since() -> None:
    table = table_of(state(0, MUCH, 3), state(1))
    seat = take(table, "a")
    table.leave(seat, stats(MUCH))
    table.read([state(0, MUCH, 3), state(1)], table.events, [left(seat, stats(MUCH))])

    assert seat.slot is None


def test_it_is_not_where_something_was_sent_since_the_slots_were_asked() -> None:
    table = table_of(state(0), state(1))
    seat = take(table, "a")
    table.leave(seat, stats(MUCH))
    asked = table.events
    read(table, state(0, MUCH, 4), state(1))  # another reading: the table is settled by it
    ran(table, "b", 0, 700)
    table.read([state(0, MUCH, 5), state(1)], asked, [left(seat, stats(MUCH))])

    assert seat.slot is None
    assert whose(table) == ["b", None]


# What a reading is about.


def test_a_reading_asked_before_something_was_sent_says_nothing_about_its_slot() -> None:
    table = table_of(state(0), state(1))
    asked = table.events
    ran(table, "a", 0)
    table.read([state(0), state(1, 500, 3)], asked)

    assert whose(table) == ["a", "?"]


def test_what_still_runs_is_not_touched_by_a_reading() -> None:
    table = table_of(state(0), state(1))
    take(table, "a", 0)
    read(table, state(0, 300, 3), state(1))

    assert table.slots[0].is_busy
    assert table.slots[0].task is None


def test_a_reading_tells_the_task_of_what_is_held() -> None:
    table = table_of(state(0), state(1))
    ran(table, "a", 0)
    read(table, state(0, MUCH, 3), state(1))
    read(table, state(0, MUCH, 3), state(1))

    assert whose(table) == ["a", None]
    assert table.slots[0].task == 3


@pytest.mark.parametrize(
    ("seen", "left"),
    [
        pytest.param(state(0, 0, 3), None, id="cleared"),
        pytest.param(state(0, MUCH, 9), "?", id="another-task-with-as-many-tokens"),
        pytest.param(state(0, LEAST_LOSS_TOKENS, 9), "?", id="another-s"),
        pytest.param(state(0, LEAST_LOSS_TOKENS - 1, 9), None, id="another-s-of-no-account"),
        pytest.param(state(0, MUCH, 3, busy=True), "?", id="somebody-runs-in-it"),
    ],
)
def test_what_a_slot_holds_no_more(seen: SlotState, left: str | None) -> None:
    table = table_of(state(0), state(1))
    ran(table, "a", 0)
    read(table, state(0, MUCH, 3), state(1))
    read(table, seen, state(1))

    assert whose(table) == [left, None]
    assert table.slots[0].is_empty is (left is None)
    assert not table.slots[0].is_copied or left is None


def test_what_was_restored_into_a_slot_that_was_never_used_is_not_counted_by_the_server() -> None:
    table, before = table_of(state(0), state(1)), table_of(state(0), state(1))
    ran(before, "a", 0)
    table.hold(0, before.slots[0].content, MUCH)
    read(table, state(0), state(1))

    assert whose(table) == ["a", None]
    assert table.slots[0].tokens == MUCH


def test_an_answer_that_says_nothing_changes_nothing() -> None:
    """The server was too busy to answer, or has not understood: what is known stays so."""
    table = table_of(state(0), state(1))
    table.traits = Traits(True, True)
    ran(table, "a", 0)
    table.unseen_began()
    table.unseen_ended()
    read(table)

    assert whose(table) == ["a", None]
    assert table.traits == Traits(True, True)
    assert not table.is_settled
