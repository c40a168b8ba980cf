"""How messages and calls of a chat completion are written."""

from dataclasses import replace
from typing import NamedTuple

import pytest

from tests.chat_dialect import chat_message
from warmprefix.core.messages import written
from warmprefix.core.types import Message, OpaquePart, RawJson, TextPart, ToolCall
from warmprefix.dialects.chat_completions.shape import SHAPE

CALL = ToolCall(id="c", name="f", arguments='{"a": 1e1}')


class Row(NamedTuple):
    id: str
    message: Message
    expected: bytes


MESSAGES = [
    Row("received-bytes-first", chat_message("user", "x", raw=RawJson(b"{ }")), b"{ }"),
    Row(
        "default-order",
        chat_message("tool", "r", tool_call_id="c", name="f"),
        b'{"role":"tool","content":"r","tool_call_id":"c","name":"f"}',
    ),
    Row(
        "order-of-keys",
        chat_message("user", "x", keys=("content", "role")),
        b'{"content":"x","role":"user"}',
    ),
    Row(
        "extra-in-its-place",
        chat_message("user", "x", extra={"id": RawJson(b"1e1")}, keys=("id", "role", "content")),
        b'{"id":1e1,"role":"user","content":"x"}',
    ),
    Row(
        "absent-content",
        chat_message("assistant", reasoning="r"),
        b'{"role":"assistant","reasoning_content":"r"}',
    ),
    Row(
        "raw-content",
        chat_message("user", extra={"content": RawJson(b"null")}, keys=("role", "content")),
        b'{"role":"user","content":null}',
    ),
    Row(
        "parts",
        chat_message("user", (TextPart("x", {"m": RawJson(b"1")}), OpaquePart(RawJson(b"7")))),
        b'{"role":"user","content":[{"type":"text","text":"x","m":1},7]}',
    ),
    Row(
        "calls",
        chat_message("assistant", "", tool_calls=(CALL,)),
        rb'{"role":"assistant","content":"","tool_calls":[{"id":"c","type":"function",'
        rb'"function":{"name":"f","arguments":"{\"a\": 1e1}"}}]}',
    ),
]


@pytest.mark.parametrize("case", MESSAGES, ids=lambda case: case.id)
def test_a_message_is_written(case: Row) -> None:
    assert written(case.message) == case.expected


CALLS = [
    pytest.param(ToolCall(None, None, None, type=None), b'{"function":{}}', id="nothing-known"),
    pytest.param(
        ToolCall(None, "f", None, RawJson(b"{ }"), None),
        b'{"function":{"name":"f","arguments":{ }}}',
        id="arguments-as-object",
    ),
    pytest.param(
        ToolCall("c", "f", "", keys=("function", "id"), function_keys=("arguments",)),
        b'{"function":{"arguments":"","name":"f"},"id":"c","type":"function"}',
        id="order-of-keys",
    ),
    pytest.param(
        ToolCall("c", "f", "", extra={"index": RawJson(b"0")}, function_extra={"x": RawJson(b"1")}),
        b'{"id":"c","type":"function","function":{"name":"f","arguments":"","x":1},"index":0}',
        id="extra",
    ),
]


@pytest.mark.parametrize(("call", "expected"), CALLS)
def test_a_tool_call_is_written(call: ToolCall, expected: bytes) -> None:
    assert SHAPE.write_call(call) == expected


def test_half_a_character_in_a_text_is_written_as_an_escape() -> None:
    """As a member of its own would be."""
    half = chat_message("user", "x\ud800", keys=("content", "role"))

    assert written(half) == b'{"content":"x\\ud800","role":"user"}'


CALLS = [
    pytest.param(CALL, id="default-order"),
    pytest.param(
        replace(CALL, keys=("function", "id"), function_keys=("arguments",)), id="order-of-keys"
    ),
    pytest.param(replace(CALL, extra={"index": RawJson(b"1e1")}), id="extra"),
    pytest.param(replace(CALL, function_extra={"strict": RawJson(b"true")}), id="extra-in-it"),
    pytest.param(replace(CALL, arguments=None, arguments_raw=RawJson(b'{"a": 1e1}')), id="a-value"),
    pytest.param(replace(CALL, arguments="\ud83d"), id="half-a-character"),
    pytest.param(ToolCall(None, None, None, type=None), id="nothing"),
]


@pytest.mark.parametrize("call", CALLS)
def test_a_call_is_written_alike_alone_and_in_its_message(call: ToolCall) -> None:
    whole = SHAPE.write(chat_message("assistant", "x", tool_calls=(call,)))

    one = SHAPE.write_call(call)
    assert whole == b'{"role":"assistant","content":"x","tool_calls":[%b]}' % one
