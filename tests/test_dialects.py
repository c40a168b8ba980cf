"""What every dialect promises, and that a new one needs one file and one line."""

import json
from dataclasses import replace

import pytest

from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Backend, Json, running_proxy
from tests.fakes.scripted_replies import json_response
from tests.fakes.toy_dialect import PATH, TOY
from warmprefix import dialects
from warmprefix.core.errors import NotUnderstood
from warmprefix.core.messages import changed, piece, written
from warmprefix.core.types import Prompt, RawJson
from warmprefix.dialects import (
    DIALECTS,
    answering,
    dialect_by_shape,
    dialect_of,
    to_render,
    with_open_end,
)
from warmprefix.dialects.base import Dialect, NoMemory

BODIES: dict[str, bytes] = {
    "chat_completions": b'{"model":"m", "messages" : [{"role":"user","content":"Hi\\n"},'
    b'{"content":"Hello","role":"assistant"},{"role":"user","content":"And?"}]}',
    "messages": b'{"model":"m","system":[{"type":"text","text":"Be brief."}], "messages" : ['
    b'{"role":"user","content":"Hi"},{"content":[{"type":"text","text":"Hello"}],"role":"assistant"},'
    b'{"role":"user","content":[{"type":"text","text":"And?"}]}]}',
    "responses": b'{"model":"m","instructions":"Be brief.", "input" : ['
    b'{"role":"user","content":"Hi"},{"type":"reasoning","summary":[],"content":[{"text":"Hm."}]} , '
    b'{"content":[{"text":"Hello","type":"output_text"}],"role":"assistant","type":"message"},'
    b'{"role":"user","content":[{"type":"input_text","text":"And?"}]}]}',
    "toy": b'{"lines": [{"says":"Hi", "who":"me"},{"who":"you","says":"Hello"},{"who":"me","says":"And?"}]}',
}
PLAIN: dict[str, bytes] = {
    "text": b'{"model":"m", "prompt" : "One line.\\n\\u00e9, and an open one","n_predict":4}',
    "infill": b'{"input_suffix":"}", "input_prefix" : "int main() {","n_predict":4}',
}
"""Bodies of prompts that no template renders."""

EVERY = [pytest.param(one, id=one.name) for one in (*DIALECTS, TOY)]
RENDERED = [one for one in EVERY if one.id not in PLAIN]


def body_of(dialect: Dialect) -> bytes:
    return {**BODIES, **PLAIN}[dialect.name]


@pytest.mark.parametrize("dialect", EVERY)
def test_what_nobody_changed_goes_out_as_it_came(dialect: Dialect) -> None:
    request = dialect.parse(body_of(dialect), NoMemory(dialect))

    assert request.dialect is dialect
    assert dialect.render(request, request.prompt) is request.body


@pytest.mark.parametrize("dialect", RENDERED)
def test_a_changed_message_is_written_and_its_neighbours_stay(dialect: Dialect) -> None:
    request = dialect.parse(body_of(dialect), NoMemory(dialect))
    first, *others = request.prompt.messages
    prompt = Prompt((changed(first, content="Hey"), *others))

    body = dialect.render(request, prompt)

    again = dialect.parse(body, NoMemory(dialect)).prompt.messages
    assert again[0].content == "Hey"
    assert [message.raw for message in again[1:]] == [message.raw for message in others]


@pytest.mark.parametrize("dialect", RENDERED)
def test_a_message_is_read_back_from_what_was_written(dialect: Dialect) -> None:
    for message in dialect.parse(body_of(dialect), NoMemory(dialect)).prompt.messages:
        anew = changed(message)

        assert dialect.parse_message(written(anew)).parts == message.parts


@pytest.mark.parametrize(
    "dialect", [pytest.param(one, id=one.name) for one in DIALECTS if one.name in PLAIN]
)
def test_a_plain_prompt_is_never_written_otherwise(dialect: Dialect) -> None:
    request = dialect.parse(body_of(dialect), NoMemory(dialect))
    other = replace(request.prompt, messages=(piece("Something else."),))

    body = dialect.render(request, other, {"reasoning_effort": RawJson(b'"none"')})

    assert body is request.body
    assert request.prompt.is_plain
    for message in request.prompt.messages:
        assert dialect.parse_message(written(message)) == message


@pytest.mark.parametrize("dialect", EVERY)
def test_a_request_says_whether_its_endpoint_takes_a_slot(dialect: Dialect) -> None:
    request = dialect.parse(body_of(dialect), NoMemory(dialect))

    assert request.takes_slot is (dialect.with_slot(request.body, 1) is not None)


@pytest.mark.parametrize("dialect", EVERY)
def test_what_is_no_request_is_not_understood(dialect: Dialect) -> None:
    with pytest.raises(NotUnderstood):
        dialect.parse(b"[1]", NoMemory(dialect))


@pytest.mark.parametrize("dialect", RENDERED)
def test_a_prompt_is_a_chat_completion_to_be_rendered(dialect: Dialect) -> None:
    prompt = dialect.parse(body_of(dialect), NoMemory(dialect)).prompt

    chat = json.loads(dialect.as_chat(prompt))

    roles = [one["role"] for one in chat["messages"]]
    assert roles[-3:] == ["user", "assistant", "user"]


def test_a_chat_completion_is_rendered_as_it_goes_out_and_others_as_one() -> None:
    for dialect in DIALECTS:
        request = dialect.parse(body_of(dialect), NoMemory(dialect))
        body = b'{"messages":[],"more":1}'

        found = to_render(request, request.prompt, body)

        is_chat = dialect is DIALECTS[0]
        assert found == (body if is_chat else dialect.as_chat(request.prompt))


@pytest.mark.parametrize("dialect", EVERY)
def test_an_error_of_the_backend_that_says_nothing_known_is_left_alone(dialect: Dialect) -> None:
    body = b'{"error":{"message":"no"}}'

    for status in (400, 500):
        reword = dialect.backend_error(status)
        assert reword is None or reword(body) is body


@pytest.mark.parametrize("dialect", EVERY)
def test_an_error_of_ours_says_what_is_wrong(dialect: Dialect) -> None:
    assert b"too large" in dialect.error(413, "request_too_large", "too large")


SHAPES: list[tuple[str, bytes]] = [
    ("chat_completions", b'{"messages": []}'),
    (
        "chat_completions",
        b'{"messages": [{"role": "user", "content": [{"type": "text"}, 5]}], "tools": [5, {}]}',
    ),
    ("chat_completions", b'{"messages": [], "input": "x"}'),
    ("chat_completions", b"{"),
    ("chat_completions", b"[]"),
    ("chat_completions", b"\xff"),
    ("chat_completions", b"[" * 9_000),
    ("messages", b'{"messages": [], "system": "x"}'),
    ("messages", b'{"messages": "x", "stop_sequences": []}'),
    ("messages", b'{"messages": [], "tools": [{"name": "f", "input_schema": {}}]}'),
    ("messages", b'{"messages": [{"content": [{"type": "tool_use"}]}]}'),
    ("messages", b'{"messages": [{"content": "x"}, {"content": [{"type": "tool_result"}]}]}'),
    ("responses", b'{"input": "x"}'),
    ("responses", b'{"input": [], "instructions": "x"}'),
    ("text", b'{"prompt": "x"}'),
    ("chat_completions", b'{"prompt": "x", "messages": []}'),
    ("infill", b'{"input_prefix": "x", "prompt": "y"}'),
]


@pytest.mark.parametrize(("name", "body"), SHAPES)
def test_a_body_is_told_by_its_shape(name: str, body: bytes) -> None:
    assert dialect_by_shape(body).name == name


ANSWERING: list[tuple[str, str]] = [
    ("messages", "/v1/messages"),
    ("messages", "/v1/messages/count_tokens"),
    ("messages", "/v1/messages/batches/b1"),
    ("responses", "/v1/responses/r1"),
    ("responses", "/responses"),
    ("chat_completions", "/v1/messagesome"),
    ("chat_completions", "/v1"),
    ("chat_completions", "/"),
    ("chat_completions", ""),
]


@pytest.mark.parametrize(("name", "path"), ANSWERING)
def test_a_path_is_answered_in_a_shape(name: str, path: str) -> None:
    assert answering(path).name == name


def test_no_two_dialects_share_a_path() -> None:
    paths = [path for dialect in DIALECTS for path in dialect.paths]
    counting = [path for dialect in DIALECTS for path in dialect.counting]

    assert len({*paths, *counting}) == len(paths) + len(counting)
    assert all(dialect_of(path) in DIALECTS for path in paths)
    assert dialect_of("/nothing") is None
    assert all(dialect_of(path) in DIALECTS for path in counting)


async def test_one_line_in_the_list_brings_a_dialect_all_that_chat_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its turns are logged with the backend's counts, and a reply is sent back as it was generated, though the
    client has stripped it."""
    monkeypatch.setattr(dialects, "DIALECTS", (*DIALECTS, TOY))
    said = {"said": "  Hello\n", "read": 7, "knew": 0}
    again = {"said": "Bye", "read": 2, "knew": 9}
    first = {"lines": [line("me", "Hi")]}
    second = {"lines": [line("me", "Hi"), line("you", "Hello"), line("me", "Bye")]}
    async with Backend(json_response(said), json_response(again)) as backend:
        async with running_proxy(backend.url) as proxy:
            answer = await exchange(proxy.url, "POST", PATH, first)
            await exchange(proxy.url, "POST", PATH, second)
            records = await proxy.records()

        assert json.loads(answer.body) == said
        sent = json.loads(backend.requests[1].body)["lines"]
        assert sent[1] == line("you", "  Hello\n")
        assert [record["cached_tokens"] for record in records] == [0, 9]
        assert records[1]["kind"] == "append"
        assert records[1]["conversation"] == records[0]["conversation"]


def line(who: str, says: str) -> Json:
    return {"who": who, "says": says}


@pytest.mark.parametrize(
    ("body", "is_added"),
    [
        (b'{"messages": [{"role": "system", "content": "x"}]}', True),
        (b'{"messages": [{"role": "user", "content": "x"}]}', False),
        (b'{"messages": []}', True),
        (b'{"tools": []}', True),
    ],
)
def test_a_body_ends_in_a_question(body: bytes, is_added: bool) -> None:
    assert (with_open_end(DIALECTS[0], body, "Hi") != body) is is_added


def test_a_plain_text_needs_no_question() -> None:
    assert with_open_end(dialect_by_shape(b'{"prompt": "x"}'), b'{"prompt": "x"}', "Hi") == (
        b'{"prompt": "x"}'
    )
