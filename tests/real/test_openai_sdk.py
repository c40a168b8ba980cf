"""The official Python SDK (PyPI `openai`) on a real llama-server, through the proxy."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest
from openai import (
    APIStatusError,
    APITimeoutError,
    AsyncOpenAI,
    AuthenticationError,
    BadRequestError,
    InternalServerError,
)
from openai.types.responses import Response, ResponseFunctionToolCall

from tests.fakes.llama import LlamaServer, template
from tests.fakes.running_proxy import Backend, Json, RunningProxy, running_proxy
from tests.fakes.scripted import Stall
from tests.servers.stock import Served, StartEither, StartStock

pytestmark = pytest.mark.backend

MESSAGES: Any = [
    {"role": "system", "content": "Be brief. " * 30 + "End."},
    {"role": "user", "content": "Count."},
]
READ_FILE: Any = {
    "type": "function",
    "function": {
        "name": "read_file",
        "description": "Read a file",
        "parameters": {"type": "object", "properties": {"path": {"type": "string"}}},
    },
}
Opened = AbstractAsyncContextManager[tuple[AsyncOpenAI, RunningProxy]]
Open = Callable[[Served], Opened]


def client_of(proxy: RunningProxy) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{proxy.url}/v1", api_key="none", max_retries=0)


@pytest.fixture
def through() -> Open:
    """Opens an SDK client whose base URL is a proxy in front of a server."""

    @asynccontextmanager
    async def opened(server: Served) -> AsyncIterator[tuple[AsyncOpenAI, RunningProxy]]:
        async with running_proxy(server.url) as proxy, client_of(proxy) as client:
            yield client, proxy

    return opened


async def test_a_chat(through: Open, tiny_llama: LlamaServer) -> None:
    async with through(tiny_llama) as (client, proxy):
        reply = await client.chat.completions.create(
            model="tiny", messages=MESSAGES, max_tokens=12, temperature=0
        )
        record = await proxy.record()

    assert reply.choices[0].finish_reason == "length"
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 12 == record["generated_tokens"]
    assert reply.usage.prompt_tokens == record["prompt_tokens"]
    assert record["client"] == "openai-sdk"
    assert record["outcome"] == "ok"


async def test_a_stream_says_the_same_and_is_cached_the_second_time(
    through: Open, start_either: StartEither
) -> None:
    """More than 90 % of the prompt, by the backend's own count."""
    texts: list[str] = []
    async with through(start_either()) as (client, proxy):
        for _ in range(2):
            stream = await client.chat.completions.create(
                model="tiny",
                messages=[{"role": "system", "content": "Stream. " * 40 + "End."}, MESSAGES[1]],
                max_tokens=12,
                temperature=0,
                stream=True,
            )
            pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]
            texts.append("".join(pieces))
        first, second = await proxy.records()

    assert texts[0] == texts[1]
    assert len(texts[0]) == 12
    assert second["kind"] == "retry"
    assert second["cached_tokens"] > 0.9 * second["prompt_tokens"]
    assert second["cached_tokens"] == second["prompt_tokens"] - 1
    assert 0 < second["ttft_ms"] < second["total_ms"]
    assert first["prompt_tokens"] == second["prompt_tokens"]


async def test_usage_in_a_stream_is_there_only_when_asked_for(
    through: Open, tiny_llama: LlamaServer
) -> None:
    async with through(tiny_llama) as (client, proxy):
        asked: list[Any] = [{}, {"stream_options": {"include_usage": True}}]
        for options in asked:
            stream = await client.chat.completions.create(
                model="tiny", messages=MESSAGES, max_tokens=4, stream=True, **options
            )
            usages = [chunk.usage for chunk in [c async for c in stream] if chunk.usage]
            assert len(usages) == len(options)
        records = await proxy.records()

    assert all(record["cached_tokens"] is not None for record in records)


async def test_a_conversation_appends_and_stays_cached(
    through: Open, start_either: StartEither
) -> None:
    """All of the last prompt and of its reply, but for the token that was never evaluated."""
    messages: list[Any] = [*MESSAGES]
    async with through(start_either()) as (client, proxy):
        for text in ("More.", "And more."):
            reply = await client.chat.completions.create(
                model="tiny", messages=messages, max_tokens=16, temperature=0
            )
            messages += [reply.choices[0].message, {"role": "user", "content": text}]
        await client.chat.completions.create(model="tiny", messages=messages, max_tokens=1)
        records = await proxy.records()

    assert [record["kind"] for record in records] == ["cold", "append", "append"]
    for before, after in pairwise(records):
        held = before["prompt_tokens"] + before["generated_tokens"] - 1
        assert after["cached_tokens"] == held


LOOP: Any = [
    {"role": "user", "content": "Read a.txt with read_file."},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "read_file", "arguments": '{"path": "a.txt"}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "alpha"},
    {"role": "user", "content": "Read b.txt with read_file."},
]
CALL: Any = {"model": "gemma", "messages": LOOP, "tools": [READ_FILE], "tool_choice": "required",
             "max_tokens": 40, "temperature": 0}  # fmt: skip


async def test_a_tool_call_in_a_stream_is_the_one_that_comes_whole(
    through: Open, gemma_llama: LlamaServer
) -> None:
    names: dict[int, str] = {}
    arguments: dict[int, str] = {}
    async with through(gemma_llama) as (client, proxy):
        reply = await client.chat.completions.create(**CALL)
        async for chunk in await client.chat.completions.create(**CALL, stream=True):
            for call in (chunk.choices[0].delta.tool_calls or ()) if chunk.choices else ():
                function = call.function
                assert function is not None
                names[call.index] = names.get(call.index, "") + (function.name or "")
                text = arguments.get(call.index, "") + (function.arguments or "")
                arguments[call.index] = text
        records = await proxy.records()

    calls = reply.choices[0].message.tool_calls or []
    whole = [(c.function.name, c.function.arguments) for c in calls if c.type == "function"]
    assert whole
    assert whole[0][0] == "read_file"
    assert [(names[at], arguments[at]) for at in sorted(names)] == whole
    assert [record["outcome"] for record in records] == ["ok", "ok"]


async def test_a_picture_is_refused_with_the_backends_own_words(
    through: Open, tiny_llama: LlamaServer
) -> None:
    """A server without a vision model: its error, not one of ours."""
    picture: Any = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    content = [{"type": "text", "text": "What is it?"}, picture]
    told: list[tuple[int, Json]] = []
    async with through(tiny_llama) as (client, _):
        for url in (f"{tiny_llama.url}/v1", None):
            asked = client.with_options(base_url=url) if url else client
            with pytest.raises(APIStatusError) as refused:
                await asked.chat.completions.create(
                    model="tiny", messages=[{"role": "user", "content": content}]
                )
            told.append((refused.value.status_code, refused.value.response.json()))

    assert told[0] == told[1]
    assert "image" in told[0][1]["error"]["message"]


async def test_models_are_listed(through: Open, tiny_llama: LlamaServer) -> None:
    async with through(tiny_llama) as (client, _):
        models = await client.models.list()

    assert [model.id for model in models.data] == ["tiny"]


ASKED: Any = {
    "model": "tiny",
    "instructions": "Be brief. " * 30 + "End.",
    "input": [{"role": "user", "content": "Count."}],
    "max_output_tokens": 12,
    "temperature": 0,
}
LOOK: Any = {
    "type": "function",
    "name": "look",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"at": {"enum": ["a"]}},
        "required": ["at"],
        "additionalProperties": False,
    },
}
CALLED = '<tool_call>\n{"name": "look", "arguments": {"at": "a"}}\n</tool_call>'
"""What a model says that calls it: the tiny one never does, and is given this to continue."""

CALLING: Any = {
    **ASKED,
    "input": [
        *ASKED["input"],
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": CALLED}],
        },
    ],
    "tools": [LOOK],
    "tool_choice": "required",
    "max_output_tokens": 1,
}


async def streamed(client: AsyncOpenAI, **asked: Any) -> tuple[str, Response]:
    """The pieces of text, and the response of the last event."""
    texts = []
    last = None
    async for event in await client.responses.create(**asked, stream=True):
        last = event
        if event.type == "response.output_text.delta":
            texts.append(event.delta)
    assert last is not None
    assert last.type == "response.completed"
    return "".join(texts), last.response


async def test_a_response_and_its_stream_say_the_same(
    through: Open, start_either: StartEither
) -> None:
    async with through(start_either()) as (client, proxy):
        whole = await client.responses.create(**ASKED)
        text, last = await streamed(client, **ASKED)
        first, second = await proxy.records()

    assert whole.output_text == text == last.output_text
    assert len(text) == 12
    assert whole.usage is not None
    assert whole.usage.input_tokens == first["prompt_tokens"]
    assert last.usage is not None
    assert last.usage.input_tokens_details.cached_tokens == second["cached_tokens"]
    assert second["cached_tokens"] == second["prompt_tokens"] - 1


async def test_a_history_of_responses_stays_cached(
    through: Open, start_either: StartEither
) -> None:
    items: list[Any] = [*ASKED["input"]]
    async with through(start_either()) as (client, proxy):
        for text in ("More.", "And more."):
            reply = await client.responses.create(**{**ASKED, "input": items})
            items += [*reply.output, {"role": "user", "content": text}]
        await client.responses.create(**{**ASKED, "input": items})
        records = await proxy.records()

    assert [record["kind"] for record in records] == ["cold", "append", "append"]
    for before, after in pairwise(records):
        held = before["prompt_tokens"] + before["generated_tokens"] - 1
        assert after["cached_tokens"] == held


async def test_a_response_calls_a_tool_whole_and_in_a_stream(
    through: Open, start_stock: StartStock
) -> None:
    async with through(start_stock()) as (client, proxy):
        whole = await client.responses.create(**CALLING)
        _, last = await streamed(client, **CALLING)
        records = await proxy.records()

    for reply in (whole, last):
        (call,) = reply.output
        assert isinstance(call, ResponseFunctionToolCall)
        assert (call.name, call.arguments) == ("look", '{"at": "a"}')
    assert [record["outcome"] for record in records] == ["ok", "ok"]


async def test_a_response_has_reasoning_before_its_text(
    through: Open, start_stock: StartStock
) -> None:
    server = start_stock(chat_template=template("chatml_begins_thinking"))
    asked = {**ASKED, "max_output_tokens": 24, "extra_body": {"thinking_budget_tokens": 5}}
    async with through(server) as (client, _):
        whole = await client.responses.create(**asked)
        text, last = await streamed(client, **asked)

    for reply in (whole, last):
        assert [item.type for item in reply.output] == ["reasoning", "message"]
    assert whole.output_text == text


async def test_errors_of_the_backend_are_shown_in_its_own_words(
    through: Open, start_stock: StartStock
) -> None:
    async with through(start_stock(context=1024)) as (client, _):
        with pytest.raises(BadRequestError, match="exceeds the available context size"):
            await client.responses.create(**{**ASKED, "input": "x" * 3000})
        with pytest.raises(BadRequestError, match="exceeds the available context size"):
            await client.chat.completions.create(
                model="tiny", messages=[{"role": "user", "content": "x" * 3000}]
            )
        with pytest.raises(BadRequestError, match="previous_response_id"):
            await client.responses.create(**ASKED, previous_response_id="resp_1")


async def test_errors_of_ours_are_shown_in_our_words(tiny_llama: LlamaServer) -> None:
    asked: Any = ({}, {"stream": True})
    async with running_proxy("http://127.0.0.1:1") as proxy, client_of(proxy) as client:
        for more in asked:
            with pytest.raises(InternalServerError, match="Is it running"):
                await client.responses.create(**ASKED, **more)
        with pytest.raises(InternalServerError, match="Is it running"):
            await client.chat.completions.create(model="tiny", messages=MESSAGES)
    keyed = {"api_key": "secret"}
    async with running_proxy(tiny_llama.url, server=keyed) as proxy, client_of(proxy) as client:
        with pytest.raises(AuthenticationError, match="Invalid API Key"):
            await client.responses.create(**ASKED)
        await client.with_options(api_key="secret").responses.create(**ASKED)


async def test_a_client_that_gives_up_ends_the_request_behind_the_proxy() -> None:
    async with Backend([Stall()]) as backend, running_proxy(backend.url) as proxy:
        async with client_of(proxy) as client:
            with pytest.raises(APITimeoutError):
                await client.with_options(timeout=0.2).responses.create(**ASKED)
        record = await proxy.record()

    assert record["outcome"] == "client_gone"
