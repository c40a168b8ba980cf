"""Instructions behind the beginning, said in user messages."""

from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chat_dialect import chat_message
from tests.strategies import prompt_of
from warmprefix.core.fold import fold
from warmprefix.core.messages import shown_parts
from warmprefix.core.types import (
    Message,
    OpaquePart,
    RawJson,
    ResultPart,
    TextPart,
)

PICTURE = {"type": "image_url", "image_url": {"url": "data:,"}}


def said(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


def reminder(value: str) -> str:
    return f"<system-reminder>\n{value}\n</system-reminder>"


S, U, A, T = said("system", "S"), said("user", "U"), said("assistant", "A"), said("tool", "T")
D = said("developer", "D")


class Case(NamedTuple):
    id: str
    before: list[dict[str, Any]]
    after: list[dict[str, Any]]


CASES = [
    Case("leading-ones", [S, D, U], [said("system", "S\n\nD"), U]),
    Case("behind-a-user-message", [S, U, D, A], [S, said("user", f"U\n\n{reminder('D')}"), A]),
    Case(
        "behind-parts",
        [S, said("user", [text("U"), PICTURE]), D],
        [S, said("user", [text("U"), PICTURE, text(reminder("D"))])],
    ),
    Case("behind-a-reply", [S, U, A, D], [S, U, A, said("user", reminder("D"))]),
    Case("behind-a-result", [S, A, T, D, A], [S, A, T, said("user", reminder("D")), A]),
    Case(
        "before-a-user-message",
        [S, U, A, D, U],
        [S, U, A, said("user", f"{reminder('D')}\n\nU")],
    ),
    Case(
        "before-a-picture",
        [S, A, D, said("user", [PICTURE])],
        [S, A, said("user", [text(reminder("D")), PICTURE])],
    ),
    Case(
        "two-in-a-row",
        [S, U, A, D, S, A],
        [S, U, A, said("user", f"{reminder('D')}\n\n{reminder('S')}"), A],
    ),
    Case(
        "with-a-picture",
        [S, A, said("system", [text("D"), PICTURE])],
        [S, A, said("user", [text(reminder("D")), PICTURE])],
    ),
    Case("behind-nothing", [S, said("user", ""), D], [S, said("user", reminder("D"))]),
    Case("none-in-front", [U, A, S], [U, A, said("user", reminder("S"))]),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_later_instructions_are_said_in_a_user_message(case: Case) -> None:
    found = fold(prompt_of(case.before).messages)

    wanted = prompt_of(case.after).messages
    assert [m.role for m in found] == [m.role for m in wanted]
    assert [m.content for m in found] == [m.content for m in wanted]


ALONE = [[], [S], [U], [S, U, A, T, U], [D, U]]


@pytest.mark.parametrize("messages", ALONE, ids=str)
def test_one_in_front_or_none_stays_as_it_is(messages: list[dict[str, Any]]) -> None:
    prompt = prompt_of(messages)

    assert fold(prompt.messages) is prompt.messages


def test_what_is_not_understood_stays_where_it_is() -> None:
    opaque = chat_message(None, opaque=True, raw=RawJson(b"7"))
    messages = (*prompt_of([S, U]).messages, opaque, *prompt_of([D]).messages)

    assert fold(messages)[2] is opaque


def test_instructions_outside_the_array_are_joined_with_a_blank_line_between() -> None:
    outside = Message("system", (TextPart("S"),), is_outside=True)
    picture = OpaquePart(RawJson(b"{}"))
    inside = Message("system", (TextPart("D"), picture))

    found = fold((outside, inside))

    assert found[0].content == (TextPart("S"), TextPart("\n\nD"), picture)


def test_behind_results_in_a_user_message_comes_a_message_of_its_own() -> None:
    results = Message("user", (ResultPart("a", shown_parts("r")),))
    later = Message("system", shown_parts("D"))

    found = fold((results, later))

    assert found[0] is results
    assert (found[1].role, found[1].content) == ("user", reminder("D"))


TURNS = st.lists(st.lists(st.sampled_from([U, D, S, T]), min_size=1, max_size=4), max_size=5)


@given(TURNS)
def test_a_history_that_only_grows_does_so_when_it_is_folded(
    turns: list[list[dict[str, Any]]],
) -> None:
    """A request ends before the reply that answers it."""
    history: list[dict[str, Any]] = [S]
    before: tuple[object, ...] = ()
    for turn in turns:
        history = [*history, *turn]
        found = tuple((m.role, m.content) for m in fold(prompt_of(history).messages))
        assert found[: len(before)] == before
        before = found
        history = [*history, A]
