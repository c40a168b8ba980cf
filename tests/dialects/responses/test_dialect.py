"""A request body read and written: what nobody changed goes out byte for byte."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialects.responses.requests import (
    ASKED,
    CALLED,
    LOOK,
    OPAQUE,
    REPLY,
    RESULT,
    SAID,
    SEARCHED,
    THOUGHT,
    Json,
    dumped,
    message,
    parse,
    result,
    text,
    whole,
)
from warmprefix.core.canonical import Canonicalizer
from warmprefix.core.errors import NotUnderstood
from warmprefix.core.messages import changed, written
from warmprefix.core.rules import RULES
from warmprefix.core.types import Prompt, RawJson, Tool
from warmprefix.dialects.base import Dialect
from warmprefix.dialects.responses import RESPONSES
from warmprefix.dialects.responses.as_chat import as_chat
from warmprefix.pipeline.parsed import Parsed

TOOL = dumped(LOOK)
HISTORY: list[Json] = [ASKED, THOUGHT, SAID, CALLED, RESULT]


def test_a_request_is_read() -> None:
    body = (
        b' {"model":"m","input" : [' + b" , ".join(map(dumped, HISTORY)) + b'],"tools":[' + TOOL
        + b'],"instructions":"Be kind.","stream":true,"tool_choice" : "auto",'
        b'"reasoning":{"summary":"auto","effort" : "low"},"store":false,"n":12345678901234567890123}\n'
    )  # fmt: skip

    request = parse(body)

    assert (request.dialect.name, request.model, request.stream) == ("responses", "m", True)
    assert request.prompt.messages == (
        message("system", whole("Be kind."), is_outside=True),
        message("user", whole("Why?")),
        REPLY,
        result("fc_a", whole("a wall\n")),
    )
    assert request.prompt.messages[2].raw == b" , ".join(map(dumped, [THOUGHT, SAID, CALLED]))
    assert request.prompt.tools == (Tool("look", RawJson(TOOL)),)
    assert request.prompt.template_options == {
        "tool_choice": b'"auto"', "reasoning.effort": b'"low"'}  # fmt: skip
    assert set(request.options) == {"model", "stream", "tool_choice", "reasoning", "store", "n"}
    assert request.body is body
    assert (request.has_slot, request.reuses) == (False, True)


ABSENT: list[tuple[Json, tuple[Any, ...]]] = [
    ({"input": []}, (Prompt(()), None, False, False, True)),
    ({"input": "Why?"}, (Prompt((message("user", whole("Why?")),)), None, False, False, True)),
    ({"input": [], "tools": []}, (Prompt((), ()), None, False, False, True)),
    ({"input": [], "tools": None}, (Prompt((), ()), None, False, False, True)),
    ({"input": [], "model": 5, "stream": 1}, (Prompt(()), None, False, False, True)),
    ({"input": [], "id_slot": 0}, (Prompt(()), None, False, True, True)),
    ({"input": [], "cache_prompt": False}, (Prompt(()), None, False, False, False)),
    ({"input": [], "reasoning": None}, (Prompt(()), None, False, False, True)),
    ({"input": [], "reasoning": {"summary": "auto"}}, (Prompt(()), None, False, False, True)),
    ({"input": [], "previous_response_id": None}, (Prompt(()), None, False, False, True)),
    ({"input": ["a", SEARCHED]}, (Prompt((OPAQUE, OPAQUE)), None, False, False, True)),
]


@pytest.mark.parametrize(("body", "expected"), ABSENT, ids=lambda value: dumped(str(value))[:60])
def test_absent_empty_and_null_are_told_apart(body: Json, expected: tuple[Any, ...]) -> None:
    request = parse(body)

    found = (request.prompt, request.model, request.stream, request.has_slot, request.reuses)
    assert found == expected
    assert RESPONSES.render(request, request.prompt) is request.body


REFUSED = [
    pytest.param(b"", id="nothing"),
    pytest.param(b'{"input":[]}x', id="text-behind"),
    pytest.param(b'{"model":"m"}', id="no-input"),
    pytest.param(b'{"input":{}}', id="an-object"),
    pytest.param(b'{"input":null}', id="null"),
    pytest.param(b'{"input":"\\ud800"}', id="half-a-character"),
    pytest.param(b'{"input":[nonsense]}', id="an-item-that-is-no-json"),
    pytest.param(b'{"input":[],"input":[]}', id="twice"),
    pytest.param(b'{"input":[],"instructions":["a"]}', id="instructions-in-parts"),
    pytest.param(b'{"input":[],"instructions":"\\ud800"}', id="instructions-half-a-character"),
    pytest.param(b'{"input":[],"previous_response_id":"resp_1"}', id="kept-by-the-backend"),
    pytest.param(b'{"input":[],"conversation":{"id":"c"}}', id="conversation-of-the-backend"),
]


@pytest.mark.parametrize("body", REFUSED)
def test_what_is_not_whole_or_no_request_is_not_understood(body: bytes) -> None:
    with pytest.raises(NotUnderstood):
        parse(body)


def edited(body: Json, at: int, content: str) -> Json:
    """What goes out of a body if the text of one message is changed."""
    request = parse(body)
    messages = list(request.prompt.messages)
    messages[at] = changed(messages[at], content=content)
    prompt = Prompt(tuple(messages), request.prompt.tools, request.prompt.template_options)
    rendered: Json = json.loads(RESPONSES.render(request, prompt))
    assert list(rendered) == list(body)
    return rendered


def test_a_changed_message_is_written_and_all_else_stays() -> None:
    body = {"model": "m", "input": [*HISTORY, SEARCHED], "tools": None, "store": False}

    sent = edited(body, 1, "I look.")

    assert sent["input"][2]["content"] == [{"type": "output_text", "text": "I look."}]
    assert [sent["input"][at] for at in (0, 4, 5)] == [ASKED, RESULT, SEARCHED]
    assert {**sent, "input": 0} == {**body, "input": 0}


def test_a_question_stays_a_text() -> None:
    assert edited({"input": "Why?\n"}, 0, "Why?") == {"input": "Why?"}


def test_a_question_in_parts_becomes_an_item() -> None:
    request = parse({"input": "Why?"})
    parts = changed(request.prompt.messages[0], content=[text("Why?"), text("Why?")])

    sent = json.loads(RESPONSES.render(request, Prompt((parts,))))

    assert sent["input"][0]["content"] == ASKED["content"] * 2


def test_instructions_are_changed_in_their_place() -> None:
    body = {"instructions": "Be kind. ", "input": "Why?"}

    assert edited(body, 0, "Be kind.") == {**body, "instructions": "Be kind."}


def test_null_instructions_stay_null() -> None:
    assert edited({"instructions": None, "input": "a"}, 1, "b") == {
        "instructions": None,
        "input": "b",
    }


def test_other_tools_take_the_place_of_those_that_came() -> None:
    request = parse({"input": "a", "tools": [LOOK, LOOK]})
    (tool, _), messages = request.prompt.tools or (), request.prompt.messages

    fewer = RESPONSES.render(request, Prompt(messages, (tool,)))
    none = RESPONSES.render(request, Prompt(messages))

    assert json.loads(fewer) == {"input": "a", "tools": [LOOK]}
    assert json.loads(none) == {"input": "a"}


def test_a_slot_is_asked_for_behind_all_else() -> None:
    body = b'{"input":"}" }\n'

    assert json.loads(RESPONSES.with_slot(body, 3)) == {"input": "}", "id_slot": 3}
    assert RESPONSES.with_slot(body, 3).startswith(b'{"input":"}" ')


def test_a_history_that_goes_on_is_parsed_from_where_it_was() -> None:
    """Also if the assistant went on speaking, so that what was a whole message is only its beginning."""
    parsed = Parsed(RESPONSES)
    first = parse({"input": [ASKED, THOUGHT, SAID, ASKED]}, parsed).prompt.messages
    more = parse({"input": [ASKED, THOUGHT, SAID, CALLED, RESULT]}, parsed).prompt.messages
    again = parse({"input": [ASKED, THOUGHT, SAID, CALLED, RESULT, ASKED]}, parsed).prompt.messages

    assert [len(one) for one in (first, more, again)] == [3, 3, 4]
    assert more == (message("user", whole("Why?")), REPLY, result("fc_a", whole("a wall\n")))
    assert all(old is new for old, new in zip(more, again, strict=False))
    assert more[0] is first[0]


ITEMS = st.lists(st.sampled_from([*HISTORY, SEARCHED, {"role": "user", "content": "a\n"}]))


@given(ITEMS)
def test_the_bytes_of_all_messages_are_those_of_the_array(items: list[Json]) -> None:
    raw = b",".join(map(dumped, items))

    messages = parse(b'{"input":[' + raw + b"]}").prompt.messages

    assert b",".join(map(written, messages)) == raw
    sides = [one.role == "assistant" for one in messages]
    assert not any(one and other for one, other in pairwise(sides))


@given(ITEMS)
def test_the_rules_leave_what_they_have_made(items: list[Json]) -> None:
    canonicalizer = Canonicalizer(RULES)
    request = parse({"input": items})
    once = canonicalizer.run(request.prompt)

    again = parse(RESPONSES.render(request, once.prompt))

    assert once.failed == ()
    assert canonicalizer.run(again.prompt).rules == ()
    assert again.prompt.messages == once.prompt.messages


def test_it_has_the_paths_of_both_servers() -> None:
    assert {"/v1/responses", "/responses", "/api/v1/responses"} <= RESPONSES.paths
    assert "/v1/responses/input_tokens" in RESPONSES.counting


def test_its_parts_are_those_of_the_dialect() -> None:
    prompt = parse({"input": "Why?"}).prompt

    assert RESPONSES.reader(True).done is False
    assert RESPONSES.as_chat(prompt) == as_chat(prompt)
    assert RESPONSES.parse_tools(b"[" + TOOL + b"]") == (Tool("look", RawJson(TOOL)),)


def test_it_names_itself_and_leaves_ids_and_errors_alone() -> None:
    dialect: Dialect = RESPONSES

    assert repr(dialect) == "Responses()"
    assert dialect.reply_ids((), "seed") is None
    assert dialect.backend_error(400) is None


def test_an_error_is_one_of_openai() -> None:
    assert json.loads(RESPONSES.error(413, "too_large", "Too large.")) == {
        "error": {"message": "Too large.", "type": "too_large", "param": None, "code": 413}
    }
