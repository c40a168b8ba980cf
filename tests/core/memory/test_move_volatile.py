"""Volatile spans of the system text are said at the end of the newest user turn."""

import re

from tests.chat_dialect import chat_message
from warmprefix.core.memory.move_volatile import move_volatile
from warmprefix.core.types import Message, TextPart

CLOCK = (re.compile(r"(?m)^Time: .{1,20}$"),)
SYSTEM = chat_message("system", "Be brief.\nTime: 10:00")
USER = chat_message("user", "Go.")
REPLY = chat_message("assistant", "Done.")
RESULT = chat_message("tool", "r")


def texts(messages: tuple[Message, ...]) -> list[object]:
    return [message.content for message in messages]


def test_the_span_goes_behind_the_new_user_turn() -> None:
    moved = move_volatile((SYSTEM, USER), CLOCK)

    assert texts(moved) == ["Be brief.", "Go.\n\nTime: 10:00"]


def test_in_a_tool_loop_the_model_was_already_told() -> None:
    moved = move_volatile((SYSTEM, USER, REPLY, RESULT), CLOCK)

    assert texts(moved) == ["Be brief.", "Go.", "Done.", "r"]


def test_nothing_volatile_is_the_same_object() -> None:
    messages = (chat_message("system", "Be brief."), USER)

    assert move_volatile(messages, CLOCK) is messages


def test_only_leading_system_texts_are_looked_at() -> None:
    messages = (USER, SYSTEM)

    assert move_volatile(messages, CLOCK) is messages


def test_with_system_texts_only_there_is_no_turn_to_tell_it_to() -> None:
    assert texts(move_volatile((SYSTEM,), CLOCK)) == ["Be brief."]


def test_system_text_in_parts_is_left_alone() -> None:
    messages = (chat_message("system", (TextPart("Time: 10:00"),)), USER)

    assert move_volatile(messages, CLOCK) is messages


def test_a_user_turn_in_parts_is_not_added_to() -> None:
    parts = chat_message("user", (TextPart("Go."),))

    moved = move_volatile((SYSTEM, parts), CLOCK)

    assert moved[1] is parts


def test_what_is_said_is_what_is_so_now() -> None:
    """The system text may be the one of an earlier turn, because something else in it ticked."""
    now = chat_message("system", "Be brief.\nTime: 10:07")
    moved = move_volatile((SYSTEM, USER), CLOCK, (now, USER), ("Time: 10:07", "Files: 7"))

    assert texts(moved) == ["Be brief.", "Go.\n\nTime: 10:07\nFiles: 7"]


def test_what_ticked_is_said_if_no_pattern_knows_it() -> None:
    system = chat_message("system", "Be brief.")

    assert texts(move_volatile((system, USER), CLOCK, (system, USER), ("Files: 7",))) == [
        "Be brief.",
        "Go.\n\nFiles: 7",
    ]
