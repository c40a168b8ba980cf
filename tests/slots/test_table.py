"""What the slots hold, told by what was sent, and what is not known: no server, no clock."""

from dataclasses import replace

import pytest

from tests.fakes.scripted_replies import dump
from tests.slot_driver import (
    HEAD,
    MUCH,
    at,
    prompt,
    ran,
    read,
    state,
    stats,
    table_of,
    take,
    whose,
    wish,
)
from warmprefix.core.slots.prewarm import held_tokens
from warmprefix.core.slots.slot import SlotChoice, Traits, Wish, head_digest
from warmprefix.core.types import CacheStats, Message, Prompt, RawJson, Tool
from warmprefix.dialects.chat_completions.messages import parse_message
from warmprefix.slots.table import SlotTable

REPLY = parse_message(dump({"role": "assistant", "content": "Done."}))


# The first that is heard.


def test_the_first_reading_tells_how_many_slots_there_are_and_what_is_not_known() -> None:
    table = table_of(
        state(0), state(1, MUCH, 7), state(2, 0, 5), state(3, 10, 4), state(4, 9, 8, busy=True)
    )

    assert whose(table) == [None, "?", None, None, "?"]
    assert [slot.tokens for slot in table.slots] == [0, MUCH, 0, 10, None]
    assert [slot.task for slot in table.slots] == [None, 7, 5, 4, None]
    assert table.is_settled
    assert table.is_quiet
    assert table.is_fresh


def test_without_a_reading_nothing_is_chosen_or_remembered() -> None:
    table = SlotTable()
    seat = take(table, "a")
    table.leave(seat, stats(MUCH))

    assert (seat.slot, seat.conversation, seat.is_side) == (None, "a", False)
    assert table.slots == []
    assert table.held(0) is None
    assert not table.is_fresh


def test_another_number_of_slots_is_another_server() -> None:
    table = table_of(state(0), state(1))
    table.traits = Traits(True, True)
    read(table, state(0))

    assert len(table.slots) == 1
    assert table.traits == Traits()


# What is sent to a slot by number.


def test_what_is_placed_by_number_is_busy_then_held() -> None:
    table = table_of(state(0), state(1))
    seat = take(table, "a", 1)
    while_it_runs = (table.slots[1].is_busy, table.is_quiet, table.is_settled)
    table.leave(seat, stats(MUCH), REPLY)

    assert while_it_runs == (True, False, True)
    held = table.held(1)
    assert held is not None
    assert (held.conversation, held.tokens, held.keys) == ("a", MUCH, (b"a0",))
    content = table.slots[1].content
    assert content is not None
    assert content.prompt.messages[-1] == REPLY
    assert table.is_quiet
    assert table.remembers(wish("a")).was_here
    assert not table.remembers(wish("b")).was_here


def test_the_only_slot_needs_no_number() -> None:
    table = table_of(state(0))
    first, second = take(table, "a"), take(table, "b")

    assert (first.slot, second.slot) == (0, None)  # the second one waits for the first
    table.leave(first, stats(MUCH))
    table.leave(second, stats(500))
    assert not table.is_settled
    read(table, state(0, 500, 2))
    assert whose(table) == ["?"]


def test_of_a_side_request_the_slot_is_known_but_nobody_goes_on_from_it() -> None:
    table = table_of(state(0), state(1))
    ran(table, "title", 0, is_side=True)

    assert whose(table) == ["title", None]
    assert table.held(0) is None
    assert not table.remembers(wish("title")).was_here


@pytest.mark.parametrize("is_side", [False, True])
def test_what_left_nobody_knows_how_much_is_not_known(is_side: bool) -> None:
    table = table_of(state(0), state(1))
    seat = take(table, "a", 0, is_side=is_side)
    table.leave(seat, CacheStats())

    assert whose(table) == ["?", None]


def test_a_request_without_messages_is_not_known() -> None:
    table = table_of(state(0), state(1))
    table.leave(table.take(Wish("a", (), HEAD), Prompt(()), 1, at(0)), stats(MUCH))

    assert whose(table) == ["?", None]


def test_only_idle_slots_are_compared_and_copied() -> None:
    table = table_of(state(0), state(1), state(2))
    ran(table, "a", 0)
    ran(table, "b", 1)
    take(table, "b", 1, 2)

    assert set(table.shares(prompt("a", "More."))) == {0}
    assert [slot.is_copied for slot in table.slots] == [True, False, True]
    assert table.shares(prompt("a"))[0].kept == 1


def test_what_is_decided_on_is_what_is_known() -> None:
    table = table_of(state(0), state(1))
    ran(table, "a", 0)
    asked: list[tuple[object, ...]] = []

    def decide(*known: object) -> SlotChoice:
        asked.append(known)
        return SlotChoice(None, "asked")

    seat = table.take(wish("b"), prompt("b"), 1, decide)

    (known,) = asked
    assert known[0] == wish("b")
    assert set(known[2]) == {0}  # type: ignore[call-overload]  # a mapping
    assert known[3] == Traits()
    assert seat.choice.reason == "asked"


# What is not placed.


def test_what_nobody_placed_unsettles_until_the_slots_were_read() -> None:
    table = table_of(state(0), state(1))
    settled = []
    table.unseen_began()
    settled.append(table.is_settled)
    table.unseen_ended()
    settled.append(table.is_settled)
    read(table, state(0, 500, 1, busy=True), state(1))
    settled.append(table.is_settled)
    asked = table.events
    table.unseen_began()
    table.unseen_ended()
    table.read([state(0, 500, 1), state(1)], asked)
    settled.append(table.is_settled)
    read(table, state(0, 500, 1), state(1))

    assert settled == [False] * 4
    assert table.is_settled
    assert not table.is_fresh
    assert whose(table) == ["?", None]


def test_while_it_is_not_known_who_runs_where_the_server_chooses() -> None:
    table = table_of(state(0), state(1))
    table.unseen_began()
    seat = take(table, "a", 1)

    assert seat.slot is None
    assert seat.choice.reason == "not known what a slot holds"


def test_a_request_that_was_not_sent_leaves_its_slot_unknown() -> None:
    """A file may have been restored into it."""
    table = table_of(state(0), state(1))
    ran(table, "a", 0)
    table.give_back(take(table, "a", 0, 2))

    assert whose(table) == ["?", None]
    assert not table.slots[0].is_busy
    assert table.slots[0].tokens == MUCH
    assert table.is_quiet


def test_a_request_that_was_not_sent_and_had_no_slot_is_forgotten() -> None:
    table = table_of(state(0), state(1))
    table.give_back(take(table, "a"))

    assert table.is_quiet
    assert whose(table) == [None, None]


def test_a_new_start_while_a_request_runs_keeps_nothing_of_it() -> None:
    table = table_of(state(0), state(1))
    first, second, third = take(table, "a", 0), take(table, "b", 1), take(table, "c")
    table.follow(1)
    table.leave(first, stats(MUCH))
    table.give_back(second)
    table.leave(third, stats(MUCH))

    assert table.slots == []
    assert table.generation == 1
    assert table.is_settled
    assert table.is_fresh
    assert not table.remembers(wish("a")).was_here


# What is read ahead or restored.


def test_what_was_evaluated_ahead_is_held() -> None:
    table = table_of(state(0), state(1))
    ran(table, "a", 0)
    table.read_ahead(0, 1500)

    held = table.held(0)
    assert held is not None
    assert held.tokens == 1500
    assert table.slots[0].tokens == 1500
    assert table.slots[0].task is None


@pytest.mark.parametrize("slot", [1, 2])
def test_nothing_is_evaluated_ahead_of_nothing(slot: int) -> None:
    table = table_of(state(0), state(1))
    before = table.slots
    table.read_ahead(slot, 1500)

    assert table.slots == before


@pytest.mark.parametrize("slot", [0, 2])
def test_what_was_taken_meanwhile_is_not_held(slot: int) -> None:
    table = table_of(state(0), state(1))
    ran(table, "a", 0)
    content = table.slots[0].content
    take(table, "b", 0)
    before = table.slots
    table.hold(slot, content, 1500)

    assert table.slots == before


def test_what_holds_only_a_beginning_is_nobody_s_and_is_not_compared() -> None:
    table = table_of(state(0), state(1))
    ran(table, "a", 0)
    content = table.slots[0].content
    assert content is not None
    table.hold(0, replace(content, is_whole=False), 600)

    assert table.held(0) is None
    assert table.shares(prompt("a")) == {}


# What it shows of itself.


def test_it_shows_what_it_knows() -> None:
    table = table_of(state(0), state(1, 700, 3), state(2))
    ran(table, "a", 0)
    take(table, "b", 2)

    assert repr(table) == (
        "SlotTable([0: 1000 of a, 1: 700 of - not known, 2: 0 of - busy], "
        "Traits(keeps_idle=None, has_ram=None), settled=True)"
    )


def test_a_slot_holds_prompt_and_reply_but_for_the_last_token() -> None:
    assert held_tokens(CacheStats(100, 50, 50, 8)) == 107
    assert held_tokens(CacheStats(0, 0, 0, 0)) == 0
    assert held_tokens(CacheStats(100)) is None
    assert held_tokens(CacheStats(None, 5, 5, 8)) is None


def test_what_is_rendered_before_the_messages_has_a_digest() -> None:
    tool = Tool("read", RawJson(b'{"name":"read"}'))
    option = {"add": RawJson(b"true")}
    messages: tuple[Message, ...] = prompt("a").messages
    heads = [
        head_digest(Prompt(messages)),
        head_digest(Prompt(messages, (tool,))),
        head_digest(Prompt(messages, (tool, tool))),
        head_digest(Prompt(messages, None, option)),
        head_digest(Prompt(messages, (tool,), option)),
    ]

    assert len(set(heads)) == len(heads)
    assert head_digest(Prompt((), ())) == heads[0]
