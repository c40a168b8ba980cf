"""Messages written anew: what llama-server reads of them, and nothing else."""

import json
from typing import Any, NamedTuple

import pytest

from tests.dialects.responses.requests import (
    REPLY,
    called,
    message,
    result,
    text,
    whole,
)
from warmprefix.core.types import Message, OpaquePart, RawJson, ReasoningPart, ToolCall
from warmprefix.dialects.responses.items import parse_message
from warmprefix.dialects.responses.shape import SHAPE, plain_text

PICTURE = OpaquePart(RawJson(b'{"type":"input_image","image_url":"x"}'))


class Case(NamedTuple):
    id: str
    message: Message
    expected: list[Any]


def said(role: str, *content: Any, **extra: Any) -> Any:
    return {"type": "message", "role": role, "content": list(content), **extra}


def asked(content: str, **marks: Any) -> Any:
    return {"type": "input_text", "text": content, **marks}


def output(content: str) -> Any:
    return {"type": "output_text", "text": content}


THOUGHT = {
    "type": "reasoning",
    "summary": [],
    "content": [{"type": "reasoning_text", "text": "Hm.\n"}],
}
CALLED = {
    "type": "function_call",
    "call_id": "fc_a",
    "name": "look",
    "arguments": '{ "at": 1e1 }',
}
RESULT = {"type": "function_call_output", "call_id": "c", "output": "x"}
CASES = [
    Case("question", message("user", whole("a")), [said("user", asked("a"))]),
    Case("nothing", message("user"), [said("user")]),
    Case("texts", message("developer", text("a"), text("b", x=b"1")),
        [said("developer", asked("a"), asked("b", x=1))]),
    Case("picture", message("user", text("a"), PICTURE),
        [said("user", asked("a"), json.loads(PICTURE.raw))]),
    Case("marks", message("user", whole("a"), extra={"name": b'"n"'}),
        [said("user", asked("a"), name="n")]),
    Case("reply", REPLY, [THOUGHT, said("assistant", output("  I look.\n\n")), CALLED]),
    Case("text-behind-a-call", message("assistant", called("fc_a", "look", '{ "at": 1e1 }'), whole("b")),
        [CALLED, said("assistant", output("b"))]),
    Case("thought-alone", message("assistant", ReasoningPart("Hm.\n")), [THOUGHT]),
    Case("result", result("c", whole("x")), [RESULT]),
    Case("empty-result", result("c"), [{**RESULT, "output": []}]),
    Case("result-in-parts", result("c", text("x"), PICTURE, odd=b"1"),
        [{**RESULT, "output": [asked("x"), json.loads(PICTURE.raw)], "odd": 1}]),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_message_is_written_as_its_items(case: Case) -> None:
    raw = SHAPE.write(case.message)

    assert json.loads(b"[" + raw + b"]") == case.expected
    assert parse_message(raw) == case.message


def test_instructions_are_written_as_their_text() -> None:
    outside = message("system", whole("Be kind."), is_outside=True)

    assert SHAPE.write(outside) == b'"Be kind."'
    assert parse_message(SHAPE.write(outside)) == outside


def test_a_call_has_arguments_in_any_case() -> None:
    call = ToolCall(None, "look", None)

    assert json.loads(SHAPE.write_call(call)) == {
        "type": "function_call",
        "name": "look",
        "arguments": "",
    }


def test_nobody_says_what_has_no_role() -> None:
    assert json.loads(SHAPE.write(message(None, whole("a"))))["role"] == ""


@pytest.mark.parametrize(
    ("parts", "expected"),
    [((), None), ((whole("a"),), "a"), ((text("a"),), None), ((text("a"), text("b")), None)],
)
def test_a_result_may_be_plain_text(parts: tuple[Any, ...], expected: str | None) -> None:
    assert plain_text(parts) == expected


def test_the_shape_has_a_name() -> None:
    assert repr(SHAPE) == "ResponsesShape()"
