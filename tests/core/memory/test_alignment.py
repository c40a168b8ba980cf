"""What a client changed in its history, and what of that is undone."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from tests.builders import Json, assistant, call, calling, result, system, user
from tests.core.memory.histories import (
    ALL,
    BLANK_FIRST,
    CALLS,
    DONE,
    FRAMED,
    FREEZE,
    LONG,
    LORE,
    NEXT,
    PICTURE,
    REMINDER,
    RESTORE,
    RESULT,
    A,
    Case,
    S,
    Turn,
    U,
    assert_undone,
    messages,
    play,
    ticks,
)
from warmprefix.core.memory.alignment import NO_UNDOING, Alignment, Change, History, Undoing, align
from warmprefix.core.messages import written
from warmprefix.dialects.chat_completions.messages import parse_message

CASES = [
    Case("goes on", [Turn([S, U])], [S, U, A, NEXT]),
    Case("a tool loop goes on", [Turn([S, U], CALLS)], [S, U, CALLS, RESULT]),
    Case("a retry", [Turn([S, U]), Turn([S, U, A, NEXT])], [S, U, A, NEXT]),
    # text that ticks
    Case(
        "a clock in the system text",
        [Turn([system("It is 10:00."), U])],
        [system("It is 10:01."), U, A, NEXT],
        [system("It is 10:00."), U, A, NEXT],
        ("volatile",),
    ),
    Case(
        "a clock that went on ticking",
        [Turn([system("It is 10:00."), U]), Turn([system("It is 10:01."), U, A, NEXT])],
        [system("It is 10:02."), U, A, NEXT, A, NEXT],
        [system("It is 10:00."), U, A, NEXT, A, NEXT],
        ("volatile",),
    ),
    Case(
        "a clock without the rule",
        [Turn([system("It is 10:00."), U])],
        [system("It is 10:01."), U, A, NEXT],
        change=Change(0, "clock", FREEZE),
        undoing=Undoing(transient=True),
    ),
    Case(
        "a clock in front of another reply",
        [Turn([S, user("10:00 now")]), Turn([S, user("10:00 now"), A, NEXT])],
        [S, user("10:01 now"), assistant("Other."), NEXT, A, NEXT],
        change=Change(1, "edit"),
    ),
    Case(
        "a question with another time",
        [Turn([S, user("What was at 10:00?")])],
        [S, user("What was at 10:01?"), A, NEXT],
        change=Change(1, "edit"),
    ),
    Case(
        "a number of a user's that changes with every request",
        [Turn([S, user("Berth 7?")]), Turn([S, user("Berth 8?"), A, NEXT])],
        [S, user("Berth 9?"), A, NEXT, A, NEXT],
        [S, user("Berth 8?"), A, NEXT, A, NEXT],
        ("volatile",),
    ),
    Case(
        "words of a user's that change with every request",
        [Turn([S, user("Berth 7?")]), Turn([S, user("Berth 8?"), A, NEXT])],
        [S, user("Quay 9?"), A, NEXT, A, NEXT],
        change=Change(1, "edit"),
    ),
    Case(
        "an edited system text",
        [Turn([S, U])],
        [system("Be long."), U, A, NEXT],
        change=Change(0, "edit"),
    ),
    # text of the newest turn
    Case(
        "a frame around the question",
        [Turn([S, FRAMED])],
        [S, U, A, NEXT],
        [S, FRAMED, A, NEXT],
        ("transient",),
    ),
    Case(
        "a frame without the rule",
        [Turn([S, FRAMED])],
        [S, U, A, NEXT],
        change=Change(1, "transient-block", RESTORE),
        undoing=NO_UNDOING,
    ),
    Case(
        "a frame that stays put back",
        [Turn([S, FRAMED]), Turn([S, U, A, NEXT])],
        [S, U, A, NEXT, A, NEXT],
        [S, FRAMED, A, NEXT, A, NEXT],
        ("transient",),
    ),
    Case(
        "a line that is left of an older turn",
        [Turn([S, FRAMED]), Turn([S, FRAMED, A, NEXT])],
        [S, U, A, NEXT, A, NEXT],
        change=Change(1, "edit"),
    ),
    Case(
        "a question on a line with other text",
        [Turn([S, user(f"The question: {LONG}")])],
        [S, user(LONG), A, NEXT],
        [S, user(f"The question: {LONG}"), A, NEXT],
        ("transient",),
    ),
    Case(
        "a short text is found in many others",
        [Turn([S, user("Say no or yes, now")])],
        [S, user("yes"), A, NEXT],
        change=Change(1, "edit"),
    ),
    Case(
        "a short question on a line of its own",
        [Turn([S, user("Answer me.\nyes?\nBe quick.")])],
        [S, user("yes?"), A, NEXT],
        [S, user("Answer me.\nyes?\nBe quick."), A, NEXT],
        ("transient",),
    ),
    Case(
        "lines in between",
        [Turn([S, user("First.\nRemember the rules.\nSecond.")])],
        [S, user("First.\nSecond."), A, NEXT],
        [S, user("First.\nRemember the rules.\nSecond."), A, NEXT],
        ("transient",),
    ),
    Case(
        "all of the text",
        [Turn([S, user("A question.")])],
        [S, user(""), A, NEXT],
        change=Change(1, "edit"),
    ),
    Case(
        "a block is written anew",
        [Turn([S, user("<env>\na.py\n</env>\nGo.")], CALLS)],
        [S, user("<env>\na.py b.py\n</env>\nGo."), CALLS, RESULT],
        [S, user("<env>\na.py\n</env>\nGo."), CALLS, RESULT],
        ("transient",),
    ),
    Case(
        "a picture",
        [Turn([S, user([{"type": "text", "text": "Look."}, PICTURE])])],
        [S, user([{"type": "text", "text": "Look."}]), A, NEXT],
        [S, user([{"type": "text", "text": "Look."}, PICTURE]), A, NEXT],
        ("transient",),
    ),
    Case(
        "a picture that was not there",
        [Turn([S, user([{"type": "text", "text": "Look."}])])],
        [S, user([{"type": "text", "text": "Look."}, PICTURE]), A, NEXT],
        change=Change(1, "edit"),
    ),
    # whole messages
    Case(
        "a message that was a reminder",
        [Turn([S, U, REMINDER])],
        [S, U, A, NEXT],
        [S, U, REMINDER, A, NEXT],
        ("transient",),
    ),
    Case(
        "a reminder that moves on stays where it was",
        [Turn([S, U, REMINDER], CALLS)],
        [S, U, CALLS, RESULT, REMINDER],
        [S, U, REMINDER, CALLS, RESULT],
        ("transient",),
    ),
    Case(
        "a clock that moves on",
        [Turn([S, user("10:00"), U])],
        [S, U, A, user("10:01"), NEXT],
        [S, user("10:00"), U, A, NEXT],
        ("transient",),
    ),
    Case(
        "a clock that moves on is said again if it may tick",
        [Turn([S, user("10:00"), U])],
        [S, U, A, user("10:01"), NEXT],
        [S, user("10:00"), U, A, user("10:01"), NEXT],
        ("transient",),
        undoing=Undoing(transient=True),
    ),
    Case(
        "a reminder that is all of the newest turn goes out",
        [Turn([S, U, REMINDER])],
        [S, U, A, REMINDER],
        [S, U, REMINDER, A, REMINDER],
        ("transient",),
    ),
    Case(
        "lore at a depth",
        [Turn([S, LORE, U]), Turn([S, LORE, U, A, NEXT])],
        [S, U, LORE, A, NEXT, A, NEXT],
        [S, LORE, U, A, NEXT, A, NEXT],
        ("transient",),
    ),
    Case(
        "lore at a depth, further on",
        [Turn([S, LORE, U]), Turn([S, U, A, NEXT])],
        [S, U, A, LORE, NEXT, A, NEXT],
        [S, LORE, U, A, NEXT, A, NEXT],
        ("transient",),
    ),
    Case(
        "the instructions of all",
        [Turn([S, U])],
        [U, A, NEXT],
        change=Change(0, "edit"),
    ),
    Case(
        "a message that was put in between",
        [Turn([S, U])],
        [S, U, LORE, A, NEXT],
        change=Change(2, "edit"),
    ),
    Case(
        "an old message that is gone",
        [Turn([S, U, user("More.")]), Turn([S, U, user("More."), A, NEXT])],
        [S, U, A, NEXT, A, NEXT],
        change=Change(2, "edit"),
    ),
    Case(
        "a call that a user makes",
        [Turn([S, {**U, "tool_calls": [call()]}])],
        [S, U, A, NEXT],
        change=Change(1, "edit"),
    ),
    Case(
        "a message with a name",
        [Turn([S, user("Go.\nnow", name="ann")])],
        [S, user("Go.", name="bob"), A, NEXT],
        change=Change(1, "edit"),
    ),
    Case(
        "lore of the instructions that changes in its place",
        [Turn([S, LORE, U])],
        [S, system("[Lore: elves.]"), U, A, NEXT],
        [S, LORE, U, A, system("[Lore: elves.]"), NEXT],
        ("transient",),
    ),
    Case(
        "lore of the instructions that changes once more",
        [Turn([S, LORE, U]), Turn([S, system("[Lore: elves.]"), U, A, NEXT])],
        [S, U, A, system("[Lore: dwarves.]"), NEXT, A, NEXT],
        [S, LORE, U, A, system("[Lore: elves.]"), NEXT, A, system("[Lore: dwarves.]"), NEXT],
        ("transient",),
    ),
    Case(
        "lore of a user's that changes while it moves on",
        [Turn([S, user("[Lore: dragons.]"), U]), Turn([S, user("[Lore: dragons.]"), U, A, NEXT])],
        [S, U, A, user("[Lore: elves.]"), NEXT, A, NEXT],
        [S, user("[Lore: dragons.]"), U, A, NEXT, A, user("[Lore: elves.]"), NEXT],
        ("transient",),
    ),
    Case(
        "lore that changes without the rule",
        [Turn([S, LORE, U])],
        [S, system("[Lore: elves.]"), U, A, NEXT],
        change=Change(1, "transient-block", RESTORE),
        undoing=NO_UNDOING,
    ),
    Case(
        "lore of a user's that changes in its place may be an edit",
        [Turn([S, user("[Lore: dragons.]"), U])],
        [S, user("[Lore: elves.]"), U, A, NEXT],
        change=Change(1, "edit"),
    ),
    Case(
        "lore that changes while the model works with its tools",
        [Turn([S, LORE, U], CALLS)],
        [S, system("[Lore: elves.]"), U, CALLS, RESULT],
        [S, LORE, U, CALLS, RESULT, system("[Lore: elves.]")],
        ("transient",),
    ),
    Case(
        "a user's message behind the newest result would end what the model is at",
        [
            Turn([S, user("[Lore: dragons.]"), U]),
            Turn([S, user("[Lore: dragons.]"), U, A, NEXT], CALLS),
        ],
        [S, U, A, user("[Lore: elves.]"), NEXT, CALLS, RESULT],
        change=Change(1, "edit"),
    ),
    Case(
        "the oldest question is gone",
        [Turn([S, U], CALLS)],
        [S, CALLS, RESULT],
        change=Change(1, "window"),
    ),
    # while the model works with its tools, nobody edits
    Case(
        "instructions behind a result move on and change",
        [Turn([S, U], CALLS), Turn([S, U, CALLS, RESULT, system("[State 1]")], CALLS)],
        [S, U, CALLS, RESULT, CALLS, RESULT, system("[State two]")],
        [S, U, CALLS, RESULT, system("[State 1]"), CALLS, RESULT, system("[State two]")],
        ("transient",),
    ),
    Case(
        "text under a heading is written anew",
        [Turn([S, user("Go.\n\n## Files\na.py")], CALLS)],
        [S, user("Go.\n\n## Files\na.py\nb.py"), CALLS, RESULT],
        [S, user("Go.\n\n## Files\na.py"), CALLS, RESULT],
        ("transient",),
    ),
    Case(
        "the same in front of a new question",
        [Turn([S, user("Go.\n\n## Files\na.py")])],
        [S, user("Go.\n\n## Files\na.py\nb.py"), A, NEXT],
        change=Change(1, "edit"),
    ),
    Case(
        "instructions of the newest turn are written anew",
        [Turn([S, system("## Files\na.py"), U], CALLS)],
        [S, system("## Files\nb.py"), U, CALLS, RESULT],
        [S, system("## Files\na.py"), U, CALLS, RESULT],
        ("transient",),
    ),
    Case(
        "instructions of all are written anew",
        [Turn([system("Do.\nthis"), U], CALLS)],
        [system("Do.\nthat"), U, CALLS, RESULT],
        change=Change(0, "edit"),
    ),
    Case(
        "a number without a sign",
        [Turn([system("Pulse 71, 4 cards"), U], CALLS)],
        [system("Pulse 75, 5 cards"), U, CALLS, RESULT],
        [system("Pulse 71, 4 cards"), U, CALLS, RESULT],
        ("volatile",),
    ),
    Case(
        "the number of somebody who writes in between",
        [Turn([system("Pulse 71, 4 cards"), U], CALLS)],
        [system("Pulse 75, 5 cards"), U, CALLS, RESULT, NEXT],
        change=Change(0, "edit"),
    ),
    Case(
        "a note in a result of the newest turn",
        [Turn([S, U], CALLS), Turn([S, U, CALLS, result("c1", "ok\n\nNote: two files")], CALLS)],
        [S, U, CALLS, result("c1", "ok"), CALLS, RESULT],
        [S, U, CALLS, result("c1", "ok\n\nNote: two files"), CALLS, RESULT],
        ("transient",),
    ),
    # the reply itself
    Case(
        "a reply with other line feeds",
        [Turn([S, U], assistant("One.\n\nTwo."))],
        [S, U, assistant("One.\nTwo."), NEXT],
        [S, U, assistant("One.\n\nTwo."), NEXT],
        ("reply",),
        undoing=NO_UNDOING,
    ),
    Case(
        "a reply that stays in the other form",
        [
            Turn([S, U], assistant("One.\n\nTwo.")),
            Turn([S, U, assistant("One.\nTwo."), NEXT], assistant("3.\n\n4.")),
        ],
        [S, U, assistant("One.\nTwo."), NEXT, assistant("3.\n4."), NEXT],
        [S, U, assistant("One.\n\nTwo."), NEXT, assistant("3.\n\n4."), NEXT],
        ("reply",),
        undoing=NO_UNDOING,
    ),
    Case(
        "a blank text beside a call, under another id",
        [Turn([S, U], {**CALLS, "content": "One."})],
        [S, U, {**calling(call(call_id="c9")), "content": BLANK_FIRST}, result("c9")],
        [S, U, {**calling(call(call_id="c9")), "content": "One."}, result("c9")],
        ("reply",),
        undoing=NO_UNDOING,
    ),
    Case(
        "a reply in another form, and without its reasoning",
        [Turn([S, U], assistant("One.\n\nTwo.", reasoning_content="so"))],
        [S, U, assistant("One.\nTwo."), NEXT],
        [S, U, assistant("One.\n\nTwo."), NEXT],
        ("reply",),
        undoing=NO_UNDOING,
    ),
    Case(
        "a reply with its reasoning written out",
        [Turn([S, U], assistant("One.\n\nTwo.", reasoning_content="so"))],
        [S, U, assistant("<think>so</think>One.\nTwo."), NEXT],
        [S, U, assistant("One.\n\nTwo.", reasoning_content="so"), NEXT],
        ("reply",),
        undoing=NO_UNDOING,
    ),
    Case(
        "another reply",
        [Turn([S, U]), Turn([S, U, A, NEXT], assistant("One."))],
        [S, U, A, NEXT, assistant("Two."), NEXT],
        change=Change(4, "edit"),
    ),
    Case(
        "an empty reply",
        [Turn([S, U]), Turn([S, U, A, NEXT], assistant(""))],
        [S, U, A, NEXT, CALLS, RESULT],
        change=Change(4, "edit"),
    ),
    Case(
        "no reply came",
        [Turn([S, U]), Turn([S, U, A, NEXT])],
        [S, U, A, NEXT, A, RESULT, A, NEXT],
    ),
    # the history gets shorter
    Case(
        "a window",
        [Turn([S, U]), Turn([S, U, A, NEXT], assistant("Two."))],
        [S, NEXT, assistant("Two."), NEXT],
        change=Change(1, "window"),
    ),
    Case(
        "a summary",
        [Turn([S, U]), Turn([S, U, A, NEXT], assistant("Two."))],
        [S, user("It was a question."), NEXT, assistant("Two."), NEXT],
        change=Change(1, "compaction"),
    ),
    # who gives the instructions
    Case(
        "instructions under another role",
        [Turn([S, U])],
        [{**S, "role": "developer"}, U, A, NEXT],
        change=Change(0, "edit"),
    ),
    Case(
        "instructions of a user",
        [Turn([S, U])],
        [{**S, "role": "user"}, U, A, NEXT],
        change=Change(0, "edit"),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_what_a_client_wrote_anew_is_undone(case: Case) -> None:
    assert_undone(case)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_what_goes_out_as_it_came_is_the_clients_own_object(case: Case) -> None:
    given = messages(*case.now)
    history = History(messages(*case.then[-1].sent), messages(*case.then[-1].sent))
    found = align(history, given, case.undoing, ticks) or Alignment(given, tuple(range(len(given))))

    for message, at in zip(found.messages, found.origin, strict=True):
        assert at is None or message is given[at]


def test_what_ticked_is_said_as_it_is_now() -> None:
    found = play([Turn([system("Hi.\nIt is 10:00."), U])], [system("Hi.\nIt is 10:01."), U, A], ALL)

    assert found is not None
    assert found.said == ("It is 10:01.",)


@pytest.mark.parametrize(
    "now",
    [
        [S, NEXT],
        [S, U, assistant("Other."), NEXT],
        [S, U],
    ],
    ids=["no reply", "another reply", "the first question again"],
)
def test_without_a_reply_in_common_it_is_another_conversation(now: Sequence[Json]) -> None:
    assert play([Turn([S, U])], now, ALL) is None


def test_a_short_reply_alone_does_not_make_one_conversation_of_two() -> None:
    done = assistant("Done.")

    assert play([Turn([S, U], done)], [S, user("Another question."), done, NEXT], ALL) is None


@pytest.mark.parametrize(
    "reply", [assistant("Done. " * 12), {**CALLS, "content": None}], ids=["long", "with a call"]
)
def test_a_reply_that_is_given_once_is_enough(reply: Json) -> None:
    found = play([Turn([S, U], reply)], [S, user("Another question."), reply, NEXT], ALL)

    assert found is not None
    assert found.change == Change(1, "edit")


def test_histories_that_were_cut_otherwise_are_not_compared() -> None:
    history = History(messages(S, U, A), messages(S, U), None)

    assert align(history, messages(S, U, A), ALL, ticks) is None


def test_an_old_reply_is_enough() -> None:
    found = play([Turn([S, U]), Turn([S, U, A, NEXT])], [S, U, A, assistant("Other."), NEXT], ALL)

    assert found is not None
    assert found.change == Change(3, "edit")


def test_a_message_that_is_not_understood_is_compared_by_its_bytes() -> None:
    odd = parse_message(b'{"role": "user", "role": "user", "content": "a"}')
    other = parse_message(b'{"role": "user", "role": "user", "content": "b"}')
    history = History((odd, *messages(U)), (odd, *messages(U)), messages(A)[0])

    for message, change in ((odd, None), (other, Change(0, "edit"))):
        found = align(history, (message, *messages(U, A, NEXT)), ALL, ticks)
        assert found is not None
        assert found.change == change


OLD_BLOCK = user("Hi.\n<note>\nBe kind.\n</note>")
"""A block that was put back in front of the first reply."""


def long_history(first: Json, replies: int) -> list[Json]:
    """A history of so many replies behind `first`."""
    more = [m for at in range(replies - 1) for m in (assistant(f"Yes {at}."), user(f"And {at}?"))]
    return [S, first, *more]


@dataclass(frozen=True)
class Old:
    """`replies`: behind what was put back; `leaves`: whether it then goes."""

    id: str
    replies: int
    leaves: bool = False
    is_broken: bool = False
    edited: int | None = None
    max_turns: int | None = 3


OLD = [
    Old("young", 3, is_broken=True),
    Old("old, but nothing breaks", 4),
    Old("old, and the tools change", 4, leaves=True, is_broken=True),
    Old("old, without a limit", 4, is_broken=True, max_turns=None),
    Old("old, and a change behind all that is put back", 4, edited=-1),
    Old("old, and a change in front of what else is put back", 6, leaves=True, edited=5),
]


@pytest.mark.parametrize("case", OLD, ids=lambda case: case.id)
def test_what_was_put_back_long_ago_leaves_if_the_prefix_breaks_anyway(case: Old) -> None:
    undoing = Undoing(transient=True, max_turns=case.max_turns)
    told, plain = long_history(OLD_BLOCK, case.replies), long_history(user("Hi."), case.replies)
    if case.edited == 5:  # two questions later a second block was put back
        told[7] = user(f"{told[7]['content']}\n<note>\nBe quick.\n</note>")
    reply = assistant("The last.")
    history = History(messages(*plain), messages(*told), messages(reply)[0], ("transient",))
    now = [*plain, reply, NEXT]
    if case.edited is not None:
        at = case.edited if case.edited > 0 else len(plain) - 1
        now[at] = user("Something else was asked.")

    found = align(history, messages(*now), undoing, ticks, is_broken=case.is_broken)
    assert found is not None
    expected = plain[1] if case.leaves else told[1]
    assert written(found.messages[1]) == written(messages(expected)[0])
    assert bool(found.left) is case.leaves
    assert (found.change is None) is (case.edited is None)
    if case.leaves:  # and it stays away
        later = History(messages(*now), found.messages, messages(A)[0], found.undone)
        again = align(later, messages(*now, A, NEXT), undoing, ticks)
        assert again is not None
        assert again.messages[: len(now)] == found.messages


def test_a_frozen_clock_is_no_text_that_leaves() -> None:
    told = long_history(user("10:00 now"), 6)
    plain = long_history(user("10:01 now"), 6)
    history = History(messages(*plain), messages(*told), messages(A)[0], ("volatile",))
    undoing = Undoing(ticks=True, transient=True, max_turns=3)

    found = align(history, messages(*plain, A, NEXT), undoing, ticks, is_broken=True)
    assert found is not None
    assert written(found.messages[1]) == written(messages(told[1])[0])
    assert found.left == frozenset()


HISTORY = [S, U, CALLS, RESULT, A, NEXT, assistant("Then."), user("And now?"), A, user("Last.")]


@pytest.mark.parametrize("at", range(len(HISTORY) + 1))
@pytest.mark.parametrize("undoing", [NO_UNDOING, ALL], ids=["nothing", "all"])
def test_bytes_that_are_the_same_are_taken_as_messages_that_are_the_same(
    at: int, undoing: Undoing
) -> None:
    """Other blanks are other bytes of the same message, which is then compared by its key."""
    now = [*HISTORY[:at], user("A word of mine."), *HISTORY[at:], assistant("So."), user("More.")]
    spaced = tuple(parse_message(json.dumps(value, indent=1).encode()) for value in now)
    history = History(messages(*HISTORY), messages(*HISTORY), None)

    assert align(history, messages(*now), undoing, ticks) == align(history, spaced, undoing, ticks)


def _looked_up(shown: str) -> list[Json]:
    looked = [calling(call()), result("c1", shown)]
    return [system("Be brief."), user("Berths?"), *looked]


REMINDED = f"nine berths\n<system-reminder>{DONE}</system-reminder>"


def test_a_block_behind_a_result_is_put_back() -> None:
    later = [*_looked_up("nine berths"), assistant(DONE), user("And cranes?")]

    found = play([Turn(_looked_up(REMINDED))], later, ALL)

    assert found is not None
    assert (found.change, found.undone) == (None, ("transient",))
    assert found.messages[3] == messages(*_looked_up(REMINDED))[3]
    assert found.origin == (0, 1, 2, None, 4, 5)


def test_a_block_behind_a_result_has_a_cure() -> None:
    later = [*_looked_up("nine berths"), assistant(DONE), user("And cranes?")]

    found = play([Turn(_looked_up(REMINDED))], later, NO_UNDOING)

    assert found is not None
    assert found.change == Change(3, "transient-block", RESTORE)
    assert found.change.fresh == messages(user("And cranes?"))


NOTE = system("Look at the berths first.")


@pytest.mark.parametrize(
    ("said", "fresh"),
    [
        pytest.param([user("And cranes?"), NOTE], [user("And cranes?")], id="moved-on"),
        pytest.param([NOTE], [NOTE], id="nothing-else-is-new"),
        pytest.param([user("And cranes?"), system("Hm.")], [user("And cranes?"), system("Hm.")], id="other"),
    ],
)  # fmt: skip
def test_a_message_that_has_moved_on_is_not_read_again_if_it_is_put_back(
    said: list[Json], fresh: list[Json]
) -> None:
    begun = [system("Be brief."), user("Berths?")]

    found = play([Turn([*begun, NOTE])], [*begun, assistant(DONE), *said], NO_UNDOING)

    assert found is not None
    assert found.change == Change(2, "transient-block", RESTORE)
    assert found.change.fresh == messages(*fresh)
