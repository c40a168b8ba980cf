"""Items read: each part of a message, and what stays as it came."""

from typing import Any, NamedTuple

import pytest

from tests.dialects.responses.requests import (
    ASKED,
    CALLED,
    OPAQUE,
    REPLY,
    RESULT,
    SAID,
    SEARCHED,
    THOUGHT,
    called,
    dumped,
    message,
    result,
    text,
    whole,
)
from warmprefix.core.errors import NotUnderstood
from warmprefix.core.types import Message, OpaquePart, RawJson, ReasoningPart
from warmprefix.dialects.responses.items import (
    is_reply,
    parse_instructions,
    parse_item,
    parse_message,
    parse_question,
    parse_tool,
)


class Case(NamedTuple):
    id: str
    items: list[Any]
    expected: Message


def said(content: Any, role: str = "user", **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


PICTURE = {"type": "input_image", "image_url": "data:x"}
REFUSED = {"type": "refusal", "refusal": "No."}
IN = {"type": "input_text", "text": "a"}
OUT = {"type": "output_text", "text": "b"}


def other(value: Any) -> OpaquePart:
    return OpaquePart(RawJson(dumped(value)))


UNDERSTOOD = [
    Case("question", [ASKED], message("user", whole("Why?"))),
    Case("text", [said("Why?")], message("user", whole("Why?"))),
    Case("system", [said("Be kind.", "system")], message("system", whole("Be kind."))),
    Case("developer", [said([IN], "developer")], message("developer", whole("a"))),
    Case("texts", [said([IN, IN])], message("user", text("a"), text("a"))),
    Case("nothing", [said([])], message("user")),
    Case("picture", [said([IN, PICTURE])], message("user", text("a"), other(PICTURE))),
    Case("odd-part", [said(["a"])], message("user", other("a"))),
    Case("foreign-text", [said([OUT])], message("user", other(OUT))),
    Case("text-that-is-none", [said([{**IN, "text": 1}])], message("user", other({**IN, "text": 1}))),
    Case("marked-text", [said([{**IN, "cache_control": 1}])],
        message("user", text("a", cache_control=b"1"))),
    Case("marks", [said("a", name="n", id="msg_1", status="x")],
        message("user", whole("a"), extra={"name": b'"n"'})),
    Case("answer", [SAID], message("assistant", whole("  I look.\n\n"))),
    Case("answer-as-text", [said("b", "assistant")], message("assistant", whole("b"))),
    Case("answer-as-input", [said([IN, OUT], "assistant")],
        message("assistant", text("a"), text("b"))),
    Case("refusal", [said([REFUSED], "assistant")], message("assistant", other(REFUSED))),
    Case("thought", [THOUGHT], message("assistant", ReasoningPart("Hm.\n"))),
    Case("call", [CALLED], message("assistant", called("fc_a", "look", '{ "at": 1e1 }'))),
    Case("marked-call", [{**CALLED, "odd": 1}],
        message("assistant", called("fc_a", "look", '{ "at": 1e1 }', odd=b"1"))),
    Case("result", [RESULT], result("fc_a", whole("a wall\n"))),
    Case("result-in-parts", [{**RESULT, "output": [IN, IN]}], result("fc_a", text("a"), text("a"))),
    Case("result-in-one-part", [{**RESULT, "output": [IN]}], result("fc_a", whole("a"))),
    Case("picture-as-result", [{**RESULT, "output": [PICTURE]}], result("fc_a", other(PICTURE))),
    Case("marked-result", [{**RESULT, "odd": 1}], result("fc_a", whole("a wall\n"), odd=b"1")),
    Case("a-reply", [THOUGHT, SAID, CALLED], REPLY),
    Case("two-calls", [CALLED, {**CALLED, "call_id": "fc_b"}], message("assistant",
        called("fc_a", "look", '{ "at": 1e1 }'), called("fc_b", "look", '{ "at": 1e1 }'))),
    Case("two-answers", [said("a", "assistant"), said("b", "assistant", x=1)],
        message("assistant", text("a"), text("b"), extra={"x": b"1"})),
]  # fmt: skip
REFUSED_BY_LLAMA_SERVER = [
    Case("search", [SEARCHED], OPAQUE),
    Case("custom-call", [{**CALLED, "type": "custom_tool_call"}], OPAQUE),
    Case("nobody", [{"content": "a"}], OPAQUE),
    Case("somebody-else", [said("a", "critic")], OPAQUE),
    Case("no-content", [{"role": "user"}], OPAQUE),
    Case("null-content", [said(None)], OPAQUE),
    Case("call-without-name", [{**CALLED, "name": None}], OPAQUE),
    Case("call-with-an-object", [{**CALLED, "arguments": {}}], OPAQUE),
    Case("result-of-no-call", [{**RESULT, "call_id": None}], OPAQUE),
    Case("result-that-is-none", [{**RESULT, "output": None}], OPAQUE),
    Case("secret-thought", [{**THOUGHT, "content": None}], OPAQUE),
    Case("empty-thought", [{**THOUGHT, "content": []}], OPAQUE),
    Case("thought-without-summary", [{**THOUGHT, "summary": None}], OPAQUE),
    Case("several-speakers", [ASKED, SAID], OPAQUE),
]


@pytest.mark.parametrize("case", [*UNDERSTOOD, *REFUSED_BY_LLAMA_SERVER], ids=lambda case: case.id)
def test_items_are_a_message(case: Case) -> None:
    raw = b" , ".join(map(dumped, case.items))

    found = parse_message(raw)

    assert found == case.expected
    assert found.raw == raw


ODD = [
    pytest.param(b'{"role":"user","content":"\\ud800"}', id="half-a-character"),
    pytest.param(b'{"role":"user","role":"user","content":"a"}', id="member-twice"),
]


@pytest.mark.parametrize("raw", ODD)
def test_what_parsers_disagree_on_goes_as_it_came(raw: bytes) -> None:
    assert parse_message(raw) == OPAQUE
    assert parse_message(raw).raw == raw


NO_JSON = [
    b"",
    b"{",
    b"nonsense",
    b'{"a":}',
    b'{"role":"user","content":"a","status":x}',
    b'{"role":"user","content":[{"type":"input_text","text":"a","annotations":[x]}]}',
]


@pytest.mark.parametrize("raw", NO_JSON)
def test_what_is_no_json_is_refused(raw: bytes) -> None:
    with pytest.raises(NotUnderstood):
        parse_message(raw)


@pytest.mark.parametrize("raw", [b"1", b"null", b'"text"', b"[]"])
def test_an_element_that_is_no_object_goes_as_it_came(raw: bytes) -> None:
    """A text, too: it is not that of the instructions."""
    found = parse_item(raw, parse_message)

    assert found == OPAQUE
    assert found.raw == raw


def test_an_element_that_is_an_object_is_parsed() -> None:
    assert parse_item(dumped(RESULT), parse_message) == result("fc_a", whole("a wall\n"))


def test_instructions_stand_outside() -> None:
    raw = b'"Be \\u006bind."'

    assert parse_message(raw) == message("system", whole("Be kind."), is_outside=True)
    assert parse_instructions(raw).raw == raw


def test_a_text_is_what_a_user_asks() -> None:
    found = parse_question(b'"Why?"')

    assert found == parse_message(dumped(said("Why?")))
    assert found.raw == dumped(ASKED)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (dumped(SAID), True),
        (dumped(CALLED), True),
        (dumped(THOUGHT), True),
        (dumped(ASKED), False),
        (dumped(RESULT), False),
        (dumped(SEARCHED), False),
    ],
)
def test_what_the_assistant_said_is_one_message(raw: bytes, expected: bool) -> None:
    assert is_reply(parse_message(raw)) is expected


TOOLS = [
    pytest.param(b'{"type":"function","name":"look"}', "look", id="function"),
    pytest.param(b'{"type":"web_search"}', None, id="no-name"),
    pytest.param(b'{"name":1}', None, id="odd-name"),
    pytest.param(b"5", None, id="odd"),
    pytest.param(b'{"name":"\\ud800"}', None, id="half-a-character"),
]


@pytest.mark.parametrize(("raw", "name"), TOOLS)
def test_a_tool_is_named(raw: bytes, name: str | None) -> None:
    tool = parse_tool(raw)

    assert (tool.name, tool.definition) == (name, raw)


def test_a_tool_that_is_no_json_is_refused() -> None:
    with pytest.raises(NotUnderstood):
        parse_tool(b"{")


def test_a_very_large_picture_is_not_copied_out_of_its_message() -> None:
    picture = {**PICTURE, "image_url": "iVBO" * 300_000}
    item = parse_item(dumped({"role": "user", "content": ["s", picture]}), parse_message)
    small, large = item.parts

    assert isinstance(small, OpaquePart)
    assert isinstance(large, OpaquePart)
    assert small.whole == b'"s"'
    assert large.whole is item.raw
    assert large.raw == dumped(picture)
