"""Messages that are changed: other parts in the old places, and no received bytes."""

from typing import NamedTuple

import pytest

from tests.chat_dialect import chat_message
from warmprefix.core.messages import changed, mark_only_text, parting, parts_of, written
from warmprefix.core.types import (
    CallPart,
    Message,
    OpaquePart,
    Part,
    Prompt,
    RawJson,
    ReasoningPart,
    ResultPart,
    TextPart,
    ToolCall,
)


def test_a_changed_message_loses_its_received_bytes() -> None:
    before = chat_message("user", "x", raw=RawJson(b'{"role":"user","content":"x"}'))

    after = changed(before, content="y")

    assert after.raw is None
    assert written(after) == b'{"role":"user","content":"y"}'


A, B, C = (ToolCall(name, "f", "{}") for name in "abc")
PICTURE = OpaquePart(RawJson(b"{}"))
TEXT = TextPart("t")
MIXED: tuple[Part, ...] = (ReasoningPart("r"), TEXT, CallPart(A), PICTURE, CallPart(B))
RESULTS: tuple[Part, ...] = (ResultPart("a", (TEXT,)), ResultPart("b"), TEXT)


class Change(NamedTuple):
    id: str
    before: tuple[Part, ...]
    change: dict[str, object]
    after: tuple[Part, ...]


CHANGES = [
    Change("nothing", MIXED, {}, MIXED),
    Change(
        "content-where-it-stood",
        MIXED,
        {"content": "new"},
        (ReasoningPart("r"), TextPart("new", is_bare=True), CallPart(A), CallPart(B)),
    ),
    Change(
        "content-behind-reasoning",
        (ReasoningPart("r"), CallPart(A)),
        {"content": (TEXT,)},
        (ReasoningPart("r"), TEXT, CallPart(A)),
    ),
    Change("no-content", (TEXT, CallPart(A)), {"content": None}, (CallPart(A),)),
    Change(
        "as-many-calls",
        MIXED,
        {"tool_calls": (B, C)},
        (ReasoningPart("r"), TEXT, CallPart(B), PICTURE, CallPart(C)),
    ),
    Change(
        "fewer-calls",
        MIXED,
        {"tool_calls": (C,)},
        (ReasoningPart("r"), TEXT, PICTURE, CallPart(C)),
    ),
    Change("reasoning-goes", MIXED, {"reasoning": None}, MIXED[1:]),
    Change("reasoning-comes-first", (TEXT,), {"reasoning": "r"}, (ReasoningPart("r"), TEXT)),
    Change(
        "content-of-the-first-result",
        RESULTS[:2],
        {"content": "new"},
        (ResultPart("a", (TextPart("new", is_bare=True),)), RESULTS[1]),
    ),
    Change(
        "content-beside-results",
        (TEXT, *RESULTS[:2]),
        {"content": "new"},
        (TextPart("new", is_bare=True), *RESULTS[:2]),
    ),
    Change(
        "call-of-the-first-result",
        RESULTS,
        {"tool_call_id": "z"},
        (ResultPart("z", (TEXT,)), *RESULTS[1:]),
    ),
    Change("no-result", (TEXT,), {"tool_call_id": "z"}, (TEXT,)),
    Change("all-parts", MIXED, {"parts": (TEXT,)}, (TEXT,)),
]


@pytest.mark.parametrize("case", CHANGES, ids=lambda case: case.id)
def test_parts_that_stay_keep_their_order(case: Change) -> None:
    before = Message("assistant", case.before, raw=RawJson(b"{}"))

    after = changed(before, **case.change)  # type: ignore[arg-type]  # a row names what it changes

    assert after == Message("assistant", case.after)
    assert after.raw is None


class View(NamedTuple):
    id: str
    role: str
    parts: tuple[Part, ...]
    logical_role: str
    content: object
    reasoning: str | None
    calls: tuple[ToolCall, ...]
    call_id: str | None


VIEWS = [
    View("nothing", "user", (), "user", None, None, (), None),
    View("bare", "user", parts_of("x"), "user", "x", None, (), None),
    View("in-an-array", "user", (TEXT, PICTURE), "user", (TEXT, PICTURE), None, (), None),
    View("mixed", "assistant", MIXED, "assistant", (TEXT, PICTURE), "r", (A, B), None),
    View("results-and-a-text", "user", RESULTS, "user", (TEXT,), None, (), "a"),
    View("results-alone", "user", RESULTS[:2], "tool", (TEXT,), None, (), "a"),
]


@pytest.mark.parametrize("case", VIEWS, ids=lambda case: case.id)
def test_what_is_read_off_the_parts(case: View) -> None:
    message = Message(case.role, case.parts)

    assert message.logical_role == case.logical_role
    assert message.content == case.content
    assert message.reasoning == case.reasoning
    assert message.tool_calls == case.calls
    assert message.tool_call_id == case.call_id


def test_instructions_that_stand_outside_the_array_are_the_first_message() -> None:
    outside = Message("system", (TEXT,), is_outside=True)
    inside = Message("system", (TEXT,))

    assert Prompt((outside, inside)).system is outside
    assert Prompt((inside,)).system is None
    assert Prompt(()).system is None


BARE = TextPart("t", is_bare=True)
MARKED = TextPart("t", {"m": RawJson(b"1")})


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param((TEXT, CallPart(A)), (BARE, CallPart(A)), id="the-only-text"),
        pytest.param((BARE,), (BARE,), id="already"),
        pytest.param((BARE, TEXT), (TEXT, TEXT), id="one-of-two"),
        pytest.param((BARE, PICTURE), (TEXT, PICTURE), id="beside-a-picture"),
        pytest.param((MARKED,), (MARKED,), id="with-a-mark"),
    ],
)
def test_a_text_that_is_all_that_is_shown_is_the_content(
    parts: tuple[Part, ...], expected: tuple[Part, ...]
) -> None:
    assert mark_only_text(parts) == expected


@pytest.mark.parametrize(
    ("before", "after", "at"),
    [("", "", None), ("ab", "ab", None), ("ab", "abc", None), ("ab", "ax", 1), ("abc", "ac", 1)],
)
def test_two_histories_part_at_the_first_message_that_is_written_otherwise(
    before: str, after: str, at: int | None
) -> None:
    one, other = ([chat_message("user", text) for text in texts] for texts in (before, after))

    assert parting(one, other) == at
