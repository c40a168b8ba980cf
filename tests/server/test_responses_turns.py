"""Turns of the Responses API through the proxy, with replies of our own making."""

import json
from collections.abc import Mapping

import pytest

from tests.dialects.responses.requests import (
    ASKED,
    CALLED,
    LOOK,
    RESULT,
    SAID,
    SEARCHED,
    THOUGHT,
    Json,
    dumped,
)
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Backend, running_proxy
from tests.fakes.scripted_replies import json_response, stream_response
from tests.profiles.requests import codex_turn

PATH = "/v1/responses"
NEXT = {"role": "user", "content": "And?"}
CODEX = {"type": "message", "id": "msg_0", "role": "developer",
    "content": [{"type": "input_text", "text": "You are an agent."}]}  # fmt: skip
CONTEXT = {"type": "message", "id": "msg_1", "role": "user", "content": [
    {"type": "input_text", "text": text} for text in ("# AGENTS.md", "<cwd>/p</cwd>")]}  # fmt: skip
TOOLS = [
    {
        name: {**LOOK, "strict": False}[name]
        for name in ("type", "name", "description", "strict", "parameters")
    },
    {"type": "namespace", "name": "agents", "tools": [LOOK]},
    {"type": "web_search", "external_web_access": True},
]


def reply(*items: Json) -> Json:
    usage = {"input_tokens": 9, "output_tokens": 3, "input_tokens_details": {"cached_tokens": 4}}
    return {"object": "response", "status": "completed", "output": [*items], "usage": usage}


async def sent(
    *turns: Json, answers: list[Json], headers: Mapping[str, str] | None = None
) -> tuple[list[bytes], list[Json]]:
    """The bodies that the backend gets of turns with these answers, and the lines of the log."""
    given = list((headers or {}).items())
    async with (
        Backend(*map(json_response, answers)) as backend,
        running_proxy(backend.url) as proxy,
    ):
        for body in turns:
            assert (await exchange(proxy.url, "POST", PATH, dumped(body), given)).status == 200
        records = await proxy.records()
    return [request.body for request in backend.requests], records


async def test_a_session_of_codex_goes_out_byte_for_byte() -> None:
    first = {"model": "m", "input": [CODEX, CONTEXT, ASKED], "tools": TOOLS, "store": False}
    history = [CODEX, CONTEXT, ASKED, THOUGHT, SAID, CALLED, RESULT]
    second = {**first, "input": history}

    bodies, records = await sent(first, second, answers=[reply(THOUGHT, SAID, CALLED), reply(SAID)])

    assert bodies == [dumped(first), dumped(second)]
    assert [record["kind"] for record in records] == ["cold", "append"]
    assert [record["cached_tokens"] for record in records] == [4, 4]
    assert records[1]["rules"] == records[1]["restored"] == []


@pytest.mark.parametrize(("says", "kind"), [({"request_kind": "turn"}, "edit"), ({}, "side")])
async def test_after_a_summary_codex_says_that_its_request_is_a_turn(
    says: dict[str, str], kind: str
) -> None:
    """What has the old questions and the summary in place of all replies looks like a request for a title."""
    first = {"input": [CODEX, CONTEXT, ASKED]}
    second = {"input": [CODEX, CONTEXT, ASKED, SAID, NEXT, CALLED, RESULT]}
    summary = {"role": "user", "content": "Summary: the wall was looked at."}
    third = {"input": [CODEX, CONTEXT, ASKED, NEXT, summary]}

    _, records = await sent(
        first, second, third, answers=[reply(SAID)] * 3, headers=codex_turn(**says)
    )

    assert records[2]["kind"] == kind
    assert records[2]["conversation"] == records[0]["conversation"]


async def test_what_a_client_has_stripped_is_put_back() -> None:
    """The edges of the text, the spelling of the arguments, and all that it was called."""
    text = {"role": "assistant", "type": "message", "content": "I look."}
    called = {"type": "function_call", "call_id": "fc_a", "name": "look", "arguments": '{"at":1e1}'}
    result = {"type": "function_call_output", "call_id": "fc_a", "output": "a wall\n"}
    second = {"input": [ASKED, THOUGHT, text, called, result]}

    bodies, records = await sent(
        {"input": [ASKED]}, second, answers=[reply(THOUGHT, SAID, CALLED), reply(SAID)]
    )

    items = json.loads(bodies[1])["input"]
    assert items[2]["content"] == [{"type": "output_text", "text": "  I look.\n\n"}]
    assert items[3]["arguments"] == CALLED["arguments"]
    assert records[1]["kind"] == "append"
    assert records[1]["restored"] == ["arguments"]


async def test_a_question_that_was_a_text_is_an_item_later() -> None:
    first, second = (
        {"input": "Why?\n"},
        {"input": [{"role": "user", "content": "Why?"}, SAID, NEXT]},
    )

    bodies, records = await sent(first, second, answers=[reply(SAID), reply(SAID)])

    assert json.loads(bodies[0]) == {"input": "Why?"}
    assert json.loads(bodies[1]) == second
    assert [record["kind"] for record in records] == ["cold", "append"]


async def test_instructions_are_part_of_the_conversation() -> None:
    first = {"instructions": "Be kind. ", "input": "Why?"}
    second = {"instructions": "Be kind.", "input": [ASKED, SAID, NEXT]}

    bodies, records = await sent(first, second, answers=[reply(SAID), reply(SAID)])

    assert [json.loads(body)["instructions"] for body in bodies] == ["Be kind."] * 2
    assert records[1]["kind"] == "append"


async def test_what_is_not_understood_goes_as_it_came_among_the_rest() -> None:
    first, second = (
        {"input": [ASKED]},
        {"input": [ASKED, SEARCHED, SAID, {**NEXT, "content": "x\n"}]},
    )

    bodies, _ = await sent(first, second, answers=[reply(SEARCHED, SAID), reply(SAID)])

    items = json.loads(bodies[1])["input"]
    assert items[:2] == [ASKED, SEARCHED]
    assert items[3]["content"] == [{"type": "input_text", "text": "x"}]


async def test_what_the_backend_keeps_is_left_to_it() -> None:
    body = {"input": " Why?\n", "previous_response_id": "resp_1"}

    bodies, records = await sent(body, answers=[reply(SAID)])

    assert bodies == [dumped(body)]
    assert records[0]["failed_open"] == ["not-understood"]


async def test_a_stream_reaches_the_client_byte_for_byte() -> None:
    end = {"type": "response.completed", "response": reply(SAID),
        "timings": {"cache_n": 4, "prompt_n": 5}}  # fmt: skip
    stream = b"event: response.completed\ndata: " + dumped(end) + b"\n\n"
    async with Backend(stream_response([stream])) as backend, running_proxy(backend.url) as proxy:
        answer = await exchange(proxy.url, "POST", PATH, {"input": "Why?", "stream": True})
        record = await proxy.record()

    assert answer.body == stream
    assert (record["prompt_tokens"], record["cached_tokens"]) == (9, 4)
    assert (record["outcome"], record["generated_tokens"]) == ("ok", 3)
