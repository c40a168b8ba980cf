"""A request body of the Messages API read and written: what nobody changed goes out byte for byte."""

import json
from dataclasses import replace
from typing import NamedTuple

import pytest

from warmprefix.core.errors import NotUnderstood
from warmprefix.core.messages import changed
from warmprefix.core.types import Prompt, RawJson, Tool
from warmprefix.dialects.base import NoMemory, Request
from warmprefix.dialects.messages import MESSAGES
from warmprefix.dialects.messages.blocks import parse_message
from warmprefix.pipeline.parsed import Parsed

ONE = b'{"role":"user","content":"x"}'
TWO = b'{ "role": "user", "content": "y", "n": 1e1 }'
TOOL = b'{"name":"f","input_schema":{}}'
SYSTEM = b'[ {"type":"text","text":"Be brief."} ]'


def parse(body: bytes) -> Request:
    return MESSAGES.parse(body, NoMemory(MESSAGES))


def test_a_request_is_read() -> None:
    body = (
        b' {"model":"m","messages":[' + ONE + b" , " + TWO + b'],"system":' + SYSTEM + b',"tools":['
        b"" + TOOL + b'],"stream":true,"tool_choice":{"type":"auto"},"max_tokens":5}\n'
    )

    request = parse(body)

    assert (request.dialect, request.model, request.stream) == (MESSAGES, "m", True)
    assert [message.raw for message in request.prompt.messages] == [SYSTEM, ONE, TWO]
    assert request.prompt.system is request.prompt.messages[0]
    assert request.prompt.tools == (Tool("f", RawJson(TOOL)),)
    assert request.prompt.template_options == {"tool_choice": b'{"type":"auto"}'}
    assert set(request.options) == {"model", "stream", "tool_choice", "max_tokens"}
    assert (request.has_slot, request.takes_slot, request.reuses) == (False, False, True)
    assert MESSAGES.render(request, request.prompt) is body


class Absent(NamedTuple):
    id: str
    body: bytes
    prompt: Prompt = Prompt(())
    model: str | None = None


ABSENT = [
    Absent("nothing-but-messages", b'{"messages":[]}'),
    Absent("no-tools", b'{"messages":[],"tools":[]}', Prompt((), ())),
    Absent("null-tools", b'{"messages":[],"tools":null}', Prompt((), ())),
    Absent("null-system", b'{"messages":[],"system":null}'),
    Absent("odd-system", b'{"messages":[],"system":5}'),
    Absent("odd-model", b'{"messages":[],"model":5,"stream":1}'),
    Absent("model", b'{"messages":[],"model":""}', model=""),
]


@pytest.mark.parametrize("case", ABSENT, ids=lambda case: case.id)
def test_absent_empty_and_null_are_told_apart(case: Absent) -> None:
    request = parse(case.body)

    assert (request.prompt, request.model) == (case.prompt, case.model)
    assert not request.stream


REFUSED = [
    pytest.param(b"", id="nothing"),
    pytest.param(b"[]", id="array"),
    pytest.param(b'{"model":"m"}', id="no-messages"),
    pytest.param(b'{"messages":"x"}', id="messages-are-text"),
    pytest.param(b'{"messages":[],"messages":[]}', id="messages-twice"),
    pytest.param(b'{"messages":[],"user":"\\ud83d"}', id="option-with-half-a-character"),
    pytest.param(b'{"messages":[{]}', id="message-not-json"),
    pytest.param(b'{"messages":[],"system":[x}', id="system-not-json"),
    pytest.param(b'{"messages":[],"system":{x}}', id="odd-system-not-json"),
    pytest.param(b'{"messages":[],"tools":{}}', id="tools-are-an-object"),
    pytest.param(b'{"messages":[]} {}', id="text-behind"),
    pytest.param(b'{"messages":[]', id="unclosed"),
]


@pytest.mark.parametrize("body", REFUSED)
def test_a_body_that_is_not_ours_to_touch_is_not_understood(body: bytes) -> None:
    with pytest.raises(NotUnderstood):
        parse(body)


WITH_ALL = (
    b'{"model": "m", "system": '
    + SYSTEM
    + b', "messages": ['
    + ONE
    + b'], "tools": ['
    + TOOL
    + b"]}"
)


def body_of(
    messages: bytes = ONE, tools: bytes | None = b"[" + TOOL + b"]", system: bytes = SYSTEM
) -> bytes:
    end = b"" if tools is None else b',"tools":' + tools
    return b'{"model":"m","system":' + system + b',"messages":[' + messages + b"]" + end + b"}"


PROMPT = parse(WITH_ALL).prompt
SAID = PROMPT.messages[0]
RENDERED = [
    pytest.param(
        replace(PROMPT, messages=(SAID, parse_message(TWO))), body_of(TWO), id="another-message"
    ),
    pytest.param(
        replace(PROMPT, messages=(*PROMPT.messages, parse_message(TWO))),
        body_of(ONE + b"," + TWO),
        id="one-more",
    ),
    pytest.param(
        replace(PROMPT, messages=(changed(SAID, content="Hm."), PROMPT.messages[1])),
        body_of(system=b'"Hm."'),
        id="other-instructions",
    ),
    pytest.param(replace(PROMPT, tools=None), body_of(tools=None), id="no-tools"),
    pytest.param(replace(PROMPT, tools=()), body_of(tools=b"[]"), id="empty-tools"),
]


@pytest.mark.parametrize(("prompt", "expected"), RENDERED)
def test_a_changed_prompt_is_written(prompt: Prompt, expected: bytes) -> None:
    assert MESSAGES.render(parse(WITH_ALL), prompt) == expected


@pytest.mark.parametrize("system", [b"null", b"5"])
def test_instructions_that_are_not_understood_stay(system: bytes) -> None:
    request = parse(b'{"system":' + system + b',"messages":[' + ONE + b"]}")

    body = MESSAGES.render(request, Prompt((parse_message(TWO),)))

    assert body == b'{"system":' + system + b',"messages":[' + TWO + b"]}"


@pytest.mark.parametrize(
    "system",
    [b'"\\ud83d"', b'[{"type":"text","text":"\\ud83d"}]', b'[{"type":"text","type":"text"}]'],
)
def test_instructions_that_parsers_disagree_on_stay_outside(system: bytes) -> None:
    request = parse(b'{"system":' + system + b',"messages":[' + ONE + b"]}")
    outside = request.prompt.messages[0]

    body = MESSAGES.render(request, Prompt((outside, parse_message(TWO))))

    assert request.prompt.system is outside
    assert outside.opaque
    assert body == b'{"system":' + system + b',"messages":[' + TWO + b"]}"


@pytest.mark.parametrize("element", [b'"x"', b'["x"]', b"5"])
def test_an_element_that_is_no_object_is_no_instruction(element: bytes) -> None:
    request = parse(b'{"messages":[' + element + b"," + ONE + b"]}")
    first, _ = request.prompt.messages

    body = MESSAGES.render(request, Prompt((first, parse_message(TWO))))

    assert request.prompt.system is None
    assert body == b'{"messages":[' + element + b"," + TWO + b"]}"


RESULT = b'{"type":"tool_result","tool_use_id":"c","content":"r"}'
TEXT = b'{"type":"text","text":"x"}'
MIXED = b'{"role":"user","content":[' + RESULT + b"," + TEXT + b"]}"
RESULTS = b'{"role":"user","content":[' + RESULT + b"]}"
REST = b'{"role":"user","content":[' + TEXT + b"]}"


def test_results_and_what_stands_behind_them_go_out_as_two_messages() -> None:
    request = parse(b'{"messages":[' + ONE + b"," + MIXED + b"]}")

    body = MESSAGES.render(request, request.prompt)

    assert request.read_as == ("results-first",)
    assert body == b'{"messages":[' + ONE + b"," + RESULTS + b"," + REST + b"]}"
    assert parse(body).read_as == ()


def test_a_history_that_was_parsed_before_is_read_alike() -> None:
    """The mixed message is the last one that is remembered, then one in the middle."""
    memory = Parsed(MESSAGES)
    bodies = [
        b'{"messages":[' + b",".join([ONE, MIXED, TWO, MIXED, ONE][:count]) + b"]}"
        for count in range(1, 6)
    ]

    for body in bodies:
        assert MESSAGES.parse(body, memory).prompt == parse(body).prompt


def test_it_takes_no_slot_and_leaves_ids_alone() -> None:
    assert MESSAGES.with_slot(WITH_ALL, 1) is None
    assert MESSAGES.reply_ids((), "seed") is None  # type: ignore[func-returns-value]
    assert repr(MESSAGES) == "Messages()"


def test_an_error_of_ours_is_one_of_the_api() -> None:
    error = json.loads(MESSAGES.error(413, "request_too_large", "too large"))

    assert error == {
        "type": "error",
        "error": {"type": "request_too_large", "message": "too large"},
    }
