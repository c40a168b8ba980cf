"""A request body read and written: what nobody changed goes out byte for byte."""

import json
from dataclasses import replace
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import chat_dialect
from tests.chat_dialect import PATHS, parse, reader, render
from tests.strategies import BLANKS, JSON_TEXTS, Json, body_of, conversations, tool_lists
from warmprefix.core.errors import NotUnderstood
from warmprefix.core.messages import changed, written
from warmprefix.core.types import Prompt, RawJson, Tool
from warmprefix.dialects.chat_completions import CHAT
from warmprefix.dialects.chat_completions.messages import parse_message
from warmprefix.dialects.chat_completions.shape import SHAPE

ONE = b'{"role":"user","content":"x"}'
TWO = b'{ "role": "user", "content": "y", "n": 1e1 }'
TOOL = b'{"function":{"name":"f"}}'


def test_a_request_is_read() -> None:
    body = (
        b' {"model":"m","messages":[' + ONE + b" , " + TWO + b'],"tools":[' + TOOL + b"],"
        b'"stream":true,"tool_choice" : "auto","seed":12345678901234567890123}\n'
    )

    request = parse(body)

    assert (request.dialect.name, request.model, request.stream) == (chat_dialect.NAME, "m", True)
    assert [message.raw for message in request.prompt.messages] == [ONE, TWO]
    assert request.prompt.tools == (Tool("f", RawJson(TOOL)),)
    assert request.prompt.template_options == {"tool_choice": b'"auto"'}
    assert set(request.options) == {"model", "stream", "tool_choice", "seed"}
    assert request.body is body


class Absent(NamedTuple):
    id: str
    body: bytes
    tools: tuple[Tool, ...] | None
    model: str | None = None
    stream: bool = False


ABSENT = [
    Absent("nothing-but-messages", b'{"messages":[]}', None),
    Absent("no-tools", b'{"messages":[],"tools":[]}', ()),
    Absent("null-tools", b'{"messages":[],"tools":null}', ()),
    Absent("odd-model", b'{"messages":[],"model":5}', None),
    Absent("null-stream", b'{"messages":[],"stream":null}', None),
    Absent("stream-is-one", b'{"messages":[],"stream":1}', None),
    Absent("model", b'{"messages":[],"model":""}', None, ""),
]


@pytest.mark.parametrize("case", ABSENT, ids=lambda case: case.id)
def test_absent_empty_and_null_are_told_apart(case: Absent) -> None:
    request = parse(case.body)

    assert request.prompt == Prompt((), case.tools)
    assert (request.model, request.stream) == (case.model, case.stream)


REFUSED = [
    pytest.param(b"", id="nothing"),
    pytest.param(b"[]", id="array"),
    pytest.param(b"{}", id="no-members"),
    pytest.param(b'{"model":"m"}', id="no-messages"),
    pytest.param(b'{"messages":null}', id="null-messages"),
    pytest.param(b'{"messages":"x"}', id="messages-are-text"),
    pytest.param(b'{"messages":[],"messages":[]}', id="messages-twice"),
    pytest.param(b'{"messages":[],"user":"\\ud83d"}', id="option-with-half-a-character"),
    pytest.param(b'{"messages":[],"n":NaN}', id="option-is-not-a-number"),
    pytest.param(b'{"messages":[{]}', id="message-not-json"),
    pytest.param(b'{"messages":[],"tools":{}}', id="tools-are-an-object"),
    pytest.param(b'{"messages":[],"tools":[x]}', id="tool-not-json"),
    pytest.param(b'{"messages":[]} {}', id="text-behind"),
    pytest.param(b'{"messages":[]', id="unclosed"),
    pytest.param(b'\xef\xbb\xbf{"messages":[]}', id="byte-order-mark"),
    pytest.param('{"messages":[]}'.encode("utf-16"), id="utf-16"),
]


@pytest.mark.parametrize("body", REFUSED)
def test_a_body_that_is_not_ours_to_touch_is_not_understood(body: bytes) -> None:
    with pytest.raises(NotUnderstood):
        parse(body)


WITH_ALL = b'{"model": "m", "messages": [' + ONE + b'], "tools": [' + TOOL + b'], "n": 1e1}'


class Rendered(NamedTuple):
    """`options`: top-level members replaced, added or, with None, dropped."""

    id: str
    body: bytes
    prompt: Prompt | None
    options: dict[str, RawJson | None]
    expected: bytes


PROMPT = parse(WITH_ALL).prompt
RENDERED = [
    Rendered(
        "another-message",
        WITH_ALL,
        replace(PROMPT, messages=(parse_message(TWO),)),
        {},
        b'{"model":"m","messages":[' + TWO + b'],"tools":[' + TOOL + b'],"n":1e1}',
    ),
    Rendered(
        "one-message-more",
        WITH_ALL,
        replace(PROMPT, messages=(*PROMPT.messages, parse_message(TWO))),
        {},
        b'{"model":"m","messages":[' + ONE + b"," + TWO + b'],"tools":[' + TOOL + b'],"n":1e1}',
    ),
    Rendered(
        "no-tools",
        WITH_ALL,
        replace(PROMPT, tools=None),
        {},
        b'{"model":"m","messages":[' + ONE + b'],"n":1e1}',
    ),
    Rendered(
        "other-tools",
        WITH_ALL,
        replace(PROMPT, tools=()),
        {},
        b'{"model":"m","messages":[' + ONE + b'],"tools":[],"n":1e1}',
    ),
    Rendered(
        "tools-added",
        b'{"messages":[]}',
        Prompt((), (Tool("f", RawJson(TOOL)),)),
        {},
        b'{"messages":[],"tools":[' + TOOL + b"]}",
    ),
    Rendered("empty-tools-not-added", b'{"messages":[]}', Prompt((), ()), {}, b'{"messages":[]}'),
    Rendered(
        "option-replaced",
        WITH_ALL,
        None,
        {"n": RawJson(b"2")},
        b'{"model":"m","messages":[' + ONE + b'],"tools":[' + TOOL + b'],"n":2}',
    ),
    Rendered(
        "option-added",
        WITH_ALL,
        None,
        {"id_slot": RawJson(b"0")},
        b'{"model":"m","messages":[' + ONE + b'],"tools":[' + TOOL + b'],"n":1e1,"id_slot":0}',
    ),
    Rendered(
        "option-dropped",
        WITH_ALL,
        None,
        {"n": None, "not_there": None},
        b'{"model":"m","messages":[' + ONE + b'],"tools":[' + TOOL + b"]}",
    ),
]


@pytest.mark.parametrize("case", RENDERED, ids=lambda case: case.id)
def test_a_changed_prompt_is_put_into_the_body(case: Rendered) -> None:
    request = parse(case.body)
    prompt = request.prompt if case.prompt is None else case.prompt

    assert render(request, prompt, case.options) == case.expected


@given(conversations(), tool_lists())
@settings(max_examples=60)
def test_an_unchanged_request_is_the_same_bytes_object(
    messages: list[Json], tools: list[Json] | None
) -> None:
    request = parse(body_of(messages, tools))
    equal = Prompt(tuple(request.prompt.messages), request.prompt.tools, {})

    assert render(request, request.prompt) is request.body
    assert render(request, equal) is request.body


@st.composite
def odd_bodies(draw: st.DrawFn) -> tuple[list[bytes], list[bytes], bytes]:
    """Messages and tools in spellings no serialiser writes, and the body that holds them."""
    blank = draw(BLANKS)
    messages = [
        f'{{{blank}"x":{one},"role"{blank}:"user","content":{blank}{two}{blank}}}'.encode()
        for one, two in draw(st.lists(st.tuples(JSON_TEXTS, JSON_TEXTS), max_size=3))
    ]
    tools = [
        f'{{"function":{{"name":"f","parameters":{text}{blank}}}}}'.encode()
        for text in draw(st.lists(JSON_TEXTS, max_size=2))
    ]
    comma = f"{blank},{blank}".encode()
    head = b"%b{%b" % (blank.encode(), blank.encode())
    parts = comma.join(messages), comma.join(tools)
    body = head + b'"messages":[%b],"tools":[%b],"seed":123456789012345678901}\n' % parts
    return messages, tools, body


@given(odd_bodies())
@settings(max_examples=150)
def test_reading_and_writing_loses_nothing(found: tuple[list[bytes], list[bytes], bytes]) -> None:
    """Big integers, 1e1, members twice, escapes and blanks: who changes one message keeps the rest."""
    messages, tools, body = found
    request = parse(body)

    added = replace(
        request.prompt, messages=(*request.prompt.messages, changed(parse_message(ONE)))
    )
    out = render(request, added)

    assert render(request, request.prompt) is body
    assert list(map(written, request.prompt.messages)) == messages
    assert out == (
        b'{"messages":[' + b",".join([*messages, ONE]) + b'],"tools":[' + b",".join(tools)
        + b'],"seed":123456789012345678901}'
    )  # fmt: skip


def test_the_endpoints_are_those_of_both_backends() -> None:
    assert "/v1/chat/completions" in PATHS
    assert "/chat/completions" in PATHS
    assert "/api/v1/chat/completions" in PATHS
    assert "/v1/completions" not in PATHS


@pytest.mark.parametrize("stream", [True, False])
def test_a_reader_fits_the_request(stream: bool) -> None:
    found = reader(stream)
    found.feed(b'{"choices":[{"finish_reason":"stop","message":{"content":"x"}}]}')

    assert found.finish().complete is not stream


def test_a_prompt_without_tools_is_a_body_of_messages() -> None:
    prompt = parse(b'{"messages":[' + ONE + b"]}").prompt

    assert chat_dialect.as_chat(prompt) == b'{"messages":[' + ONE + b"]}"


def test_it_says_what_it_is() -> None:
    assert (repr(CHAT), repr(SHAPE)) == ("ChatCompletions()", "ChatShape()")
    assert json.loads(CHAT.error(413, "k", "m"))["error"]["code"] == 413
    assert CHAT.reader(False).done is False
    assert CHAT.reply_ids((), "seed").body(b"{}") == b"{}"


def test_a_slot_is_asked_for_behind_all_else() -> None:
    assert chat_dialect.with_slot(b'{"a":{} }\n', 3) == b'{"a":{} ,"id_slot":3}\n'
