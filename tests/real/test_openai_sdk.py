"""The official Python SDK (PyPI `openai`) on a real llama-server, through the proxy."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest
from openai import APIStatusError, AsyncOpenAI

from tests.fakes.llama import LlamaServer
from tests.fakes.running_proxy import Json, RunningProxy, running_proxy
from tests.servers.stock import Served, StartEither

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


@pytest.fixture
def through() -> Open:
    """Opens an SDK client whose base URL is a proxy in front of a server."""

    @asynccontextmanager
    async def opened(server: Served) -> AsyncIterator[tuple[AsyncOpenAI, RunningProxy]]:
        async with running_proxy(server.url) as proxy:
            url = f"{proxy.url}/v1"
            async with AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
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
