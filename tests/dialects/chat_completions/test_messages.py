"""A message of the wire as a value: what is known is decoded, everything else stays as it came."""

import json
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings

from tests.chat_dialect import chat_message, tool_call
from tests.strategies import conversations
from warmprefix.core.errors import NotUnderstood
from warmprefix.core.messages import changed, written
from warmprefix.core.types import Message, OpaquePart, RawJson, TextPart, Tool, ToolCall
from warmprefix.dialects.chat_completions.messages import parse_message, parse_tool


def raw(text: str) -> RawJson:
    return RawJson(text.encode())


class Case(NamedTuple):
    id: str
    text: str
    expected: Message


CASES = [
    Case(
        "all-known-members",
        '{"role":"tool","content":"c","reasoning_content":"r","tool_call_id":"i","name":"n"}',
        chat_message(
            "tool",
            "c",
            "r",
            tool_call_id="i",
            name="n",
            keys=("role", "content", "reasoning_content", "tool_call_id", "name"),
        ),
    ),
    Case(
        "escapes",
        r'{"role":"user","content":"\u00e9\n"}',
        chat_message("user", "é\n", keys=("role", "content")),
    ),
    Case(
        "unknown-members-as-they-came",
        '{"n": 1e1,"role":"user","o":{ "a":1,"a":2 }}',
        chat_message(
            "user", extra={"n": raw("1e1"), "o": raw('{ "a":1,"a":2 }')}, keys=("n", "role", "o")
        ),
    ),
    Case(
        "null",
        '{"role":"user","content":null,"name":null}',
        chat_message(
            "user",
            extra={"content": raw("null"), "name": raw("null")},
            keys=("role", "content", "name"),
        ),
    ),
    Case(
        "odd-types",
        '{"role":"user","content":5,"name":[],"tool_calls":"x"}',
        chat_message(
            "user",
            extra={"content": raw("5"), "name": raw("[]"), "tool_calls": raw('"x"')},
            keys=("role", "content", "name", "tool_calls"),
        ),
    ),
    Case(
        "no-parts",
        '{"role":"user","content":[]}',
        chat_message("user", extra={"content": RawJson(b"[]")}, keys=("role", "content")),
    ),
    Case(
        "parts",
        '{"role":"user","content":[{"text":"x","m": 1,"type":"text"},{"type":"image","u":1e1},'
        '"s",{"type":"text"}]}',
        chat_message(
            "user",
            (
                TextPart("x", {"m": raw("1")}),
                OpaquePart(raw('{"type":"image","u":1e1}')),
                OpaquePart(raw('"s"')),
                OpaquePart(raw('{"type":"text"}')),
            ),
            keys=("role", "content"),
        ),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_message_is_read(case: Case) -> None:
    message = parse_message(case.text.encode())

    assert message == case.expected
    assert list(message.extra) == list(case.expected.extra)
    assert message.raw == case.text.encode()


class Call(NamedTuple):
    id: str
    text: str
    expected: ToolCall


CALLS = [
    Call(
        "usual",
        r'{"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\": 1}"}}',
        tool_call("c", "f", '{"a": 1}'),
    ),
    Call(
        "order",
        '{"function":{"arguments":"","name":"f"},"type":"function","id":"c"}',
        tool_call(
            "c", "f", "", keys=("function", "type", "id"), function_keys=("arguments", "name")
        ),
    ),
    Call(
        "object",
        '{"id":"c","type":"function","function":{"name":"f","arguments":{ "n":1e1 }}}',
        tool_call("c", "f", None, raw('{ "n":1e1 }')),
    ),
    Call(
        "null-arguments",
        '{"id":"c","type":"function","function":{"name":"f","arguments":null}}',
        tool_call("c", "f", None, raw("null")),
    ),
    Call(
        "odd-types",
        '{"id":5,"type":null,"function":{"name":[],"arguments":7}}',
        tool_call(
            None,
            None,
            None,
            None,
            None,
            {"id": raw("5"), "type": raw("null")},
            {"name": raw("[]"), "arguments": raw("7")},
        ),
    ),
    Call(
        "bare",
        '{"function":{}}',
        tool_call(None, None, None, type=None, keys=("function",), function_keys=()),
    ),
    Call(
        "more",
        '{"id":"c","type":"function","function":{"name":"f","arguments":"","x":1},"index":0}',
        tool_call(
            "c",
            "f",
            "",
            extra={"index": raw("0")},
            function_extra={"x": raw("1")},
            keys=("id", "type", "function", "index"),
            function_keys=("name", "arguments", "x"),
        ),
    ),
]


@pytest.mark.parametrize("case", CALLS, ids=lambda case: case.id)
def test_a_tool_call_is_read(case: Call) -> None:
    text = '{"role":"assistant","tool_calls":[' + case.text + "]}"

    assert parse_message(text.encode()).tool_calls == (case.expected,)


NO_CALLS = [
    pytest.param("[]", id="empty"),
    pytest.param('[{"id":"c"}]', id="no-function"),
    pytest.param('[{"function":"f"}]', id="function-is-text"),
    pytest.param('[{"function":{}},7]', id="not-all-objects"),
    pytest.param('[{"type":"custom","custom":{"name":"f","input":"x"}}]', id="custom-tool"),
    pytest.param("{}", id="no-list"),
]


@pytest.mark.parametrize("text", NO_CALLS)
def test_calls_that_are_not_understood_stay_as_they_came(text: str) -> None:
    message = parse_message(f'{{"role":"assistant","tool_calls":{text}}}'.encode())

    assert message.tool_calls == ()
    assert message.extra == {"tool_calls": text.encode()}


OPAQUE = [
    pytest.param(rb'{"role":"user","content":"\ud83d"}', id="half-a-character"),
    pytest.param(b'{"role":"user","role":"user"}', id="member-twice"),
    pytest.param(
        b'{"role":"assistant","tool_calls":[{"id":1,"id":2}]}', id="member-of-a-call-twice"
    ),
    pytest.param(
        b'{"role":"user","content":[{"type":"text","type":"x"}]}', id="member-of-a-part-twice"
    ),
    pytest.param(b'{"content":"x"}', id="no-role"),
    pytest.param(b'{"role":5}', id="role-is-a-number"),
    pytest.param(b'{"role":"user","n":NaN}', id="not-a-number"),
    pytest.param(b'"text"', id="no-object"),
]


@pytest.mark.parametrize("text", OPAQUE)
def test_a_message_that_parsers_may_read_differently_is_opaque(text: bytes) -> None:
    message = parse_message(text)

    assert message == chat_message(None, opaque=True)
    assert message.raw == text
    assert written(message) == text


NOT_JSON = [
    pytest.param(b'{"role":"user"', id="unclosed"),
    pytest.param(b'{"role":"user","content":"\xff"}', id="not-utf-8"),
    pytest.param(b'{"role":user}', id="bare-word"),
    pytest.param(b'{"role":"user","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", id="too-deep"),
]


@pytest.mark.parametrize("text", NOT_JSON)
def test_what_no_parser_reads_is_not_understood(text: bytes) -> None:
    with pytest.raises(NotUnderstood):
        parse_message(text)


@pytest.mark.parametrize("depth", [400, 1000, 2000])
def test_depth_never_ends_in_a_recursion_error(depth: int) -> None:
    text = b'{"role":"user","content":"x","deep":' + b"[" * depth + b"]" * depth + b"}"

    try:
        message = parse_message(text)
    except NotUnderstood:
        return  # the whole body then passes through

    assert written(message) == text


@given(conversations())
@settings(max_examples=100)
def test_a_message_survives_being_written(messages: list[Any]) -> None:
    """As it came, and written by us: the same message again, and the same JSON value."""
    for value in messages:
        text = json.dumps(value).encode()
        message = parse_message(text)
        anew = written(changed(message))

        assert written(message) == text
        assert parse_message(written(message)) == message
        assert parse_message(anew) == message
        assert json.loads(anew) == value


def test_the_table_of_shapes_does_not_grow_without_bound() -> None:
    """Two thousand messages of different shapes are read as well as the first."""
    for number in range(2000):
        text = f'{{"role":"user","k{number}":1}}'
        for _ in range(2):
            assert parse_message(text.encode()).keys == ("role", f"k{number}")


TOOLS = [
    pytest.param(b'{"type":"function","function":{"name":"f"}}', "f", id="name"),
    pytest.param(b'{"type":"web_search"}', None, id="no-function"),
    pytest.param(b'{"function":{"name":5}}', None, id="odd-name"),
    pytest.param(b'{"function":[]}', None, id="odd-function"),
    pytest.param(b"7", None, id="no-object"),
    pytest.param(rb'{"function":{"name":"f","description":"\ud83d"}}', None, id="half-a-character"),
]


@pytest.mark.parametrize(("text", "name"), TOOLS)
def test_a_tool_is_its_bytes_and_a_name(text: bytes, name: str | None) -> None:
    assert parse_tool(text) == Tool(name, RawJson(text))


def test_a_tool_that_is_not_json_is_not_understood() -> None:
    with pytest.raises(NotUnderstood):
        parse_tool(b'{"function":')


PICTURE = b'{"type":"image_url","image_url":{"url":"data:image/png;base64,%b"}}' % (
    b"iVBO" * 20_000
)


def test_a_large_picture_stays_as_it_came_and_what_is_beside_it_is_read() -> None:
    raw = b'{"role":"user","content":[{"type":"text","text":"a"},' + PICTURE + b"]}"
    message = parse_message(raw)

    assert message.raw == raw
    assert message.parts == (TextPart("a"), OpaquePart(RawJson(PICTURE)))


def test_a_very_large_picture_is_not_copied_out_of_its_message() -> None:
    picture = b'{"type":"image","u":"' + b"iVBO" * 300_000 + b'"}'
    message = parse_message(b'{"role":"user","content":["s",' + picture + b"]}")
    small, large = message.parts

    assert isinstance(small, OpaquePart)
    assert isinstance(large, OpaquePart)
    assert small.whole == b'"s"'
    assert large.whole is message.raw
    assert large.raw == picture


def test_what_is_no_json_beside_a_large_picture_is_not_understood() -> None:
    with pytest.raises(NotUnderstood):
        parse_message(b'{"role":"user","content":[' + PICTURE + b",]}")
