"""How messages and calls of the Messages API are written anew."""

import pytest

from warmprefix.core.messages import written
from warmprefix.core.types import (
    CallPart,
    Message,
    OpaquePart,
    Part,
    RawJson,
    ReasoningPart,
    ResultPart,
    TextPart,
    ToolCall,
)
from warmprefix.dialects.messages.shape import NAMES, SHAPE

BARE = TextPart("x", is_bare=True)
PARTS = [
    pytest.param((BARE,), b'"x"', id="string"),
    pytest.param((), b"[]", id="nothing"),
    pytest.param(
        (BARE, BARE), b'[{"type":"text","text":"x"},{"type":"text","text":"x"}]', id="two"
    ),
    pytest.param(
        (TextPart("x", {"a": RawJson(b"1e1")}),),
        b'[{"type":"text","text":"x","a":1e1}]',
        id="extra",
    ),
    pytest.param((ReasoningPart("t"),), b'[{"type":"thinking","thinking":"t"}]', id="thinking"),
    pytest.param(
        (ReasoningPart("t", ""),),
        b'[{"type":"thinking","thinking":"t","signature":""}]',
        id="signed",
    ),
    pytest.param((ResultPart(None),), b'[{"type":"tool_result"}]', id="empty-result"),
    pytest.param(
        (ResultPart("c", (BARE,), {"is_error": RawJson(b"true")}),),
        b'[{"type":"tool_result","tool_use_id":"c","content":"x","is_error":true}]',
        id="result",
    ),
    pytest.param((OpaquePart(RawJson(b"{ }")),), b"[{ }]", id="opaque"),
    pytest.param(
        (CallPart(ToolCall("c", "f", "")),),
        b'[{"type":"tool_use","id":"c","name":"f","input":{}}]',
        id="call",
    ),
]


@pytest.mark.parametrize(("parts", "expected"), PARTS)
def test_content_is_written(parts: tuple[Part, ...], expected: bytes) -> None:
    message = Message("user", parts, keys=NAMES.message, shape=SHAPE)
    outside = Message("system", parts, shape=SHAPE, is_outside=True)

    assert written(message) == b'{"role":"user","content":' + expected + b"}"
    assert written(outside) == expected


CALLS = [
    pytest.param(ToolCall(None, None, None), b'{"type":"tool_use","input":{}}', id="nothing-known"),
    pytest.param(
        ToolCall("c", "f", ' {"a": 1e1}\n', keys=("name", "input", "id", "type")),
        b'{"name":"f","input":{"a": 1e1},"id":"c","type":"tool_use"}',
        id="text-in-the-order-of-keys",
    ),
    pytest.param(
        ToolCall("c", "f", None, RawJson(b"{ }"), extra={"a": RawJson(b"1")}),
        b'{"type":"tool_use","id":"c","name":"f","input":{ },"a":1}',
        id="value-and-extra",
    ),
    pytest.param(
        ToolCall("c", "f", "{broken"),
        b'{"type":"tool_use","id":"c","name":"f","input":"{broken"}',
        id="no-json",
    ),
]


@pytest.mark.parametrize(("call", "expected"), CALLS)
def test_a_call_is_written(call: ToolCall, expected: bytes) -> None:
    assert SHAPE.write_call(call) == expected


def test_the_shape_says_what_it_is() -> None:
    assert repr(SHAPE) == "MessagesShape()"
