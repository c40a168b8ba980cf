"""The official Python SDK (PyPI `anthropic`) on a stock llama-server, through the proxy."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import pairwise
from typing import Any

import anthropic
import pytest
from anthropic import AsyncAnthropic
from anthropic.types import Message

from tests.fakes.llama import template
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Backend, RunningProxy, running_proxy
from tests.fakes.scripted import Stall
from tests.servers.stock import Served, StartEither, StartStock

pytestmark = pytest.mark.backend

SYSTEM = "You look after a small harbour. " * 20
ASKED: Any = {
    "model": "tiny",
    "system": [{"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral"}}],
    "messages": [{"role": "user", "content": "Which berth is free?"}],
    "max_tokens": 12,
}
GREEDY: Any = {"extra_body": {"temperature": 0}}
"""The SDK no longer knows this member."""

LOOK: Any = {
    "name": "look",
    "description": "Look",
    "input_schema": {
        "type": "object",
        "properties": {"at": {"enum": ["a"]}},
        "required": ["at"],
        "additionalProperties": False,
    },
}
CALLED = '<tool_call>\n{"name": "look", "arguments": {"at": "a"}}\n</tool_call>'
"""What a model says that calls it: the tiny one never does, and is given this to continue."""

CALL: Any = {
    **ASKED,
    "messages": [*ASKED["messages"], {"role": "assistant", "content": CALLED}],
    "tools": [LOOK],
    "tool_choice": {"type": "any"},
    "max_tokens": 1,
}
Opened = AbstractAsyncContextManager[tuple[AsyncAnthropic, RunningProxy]]
Open = Callable[[Served], Opened]


def client_of(url: str, **settings: Any) -> AsyncAnthropic:
    return AsyncAnthropic(base_url=url, api_key="none", max_retries=0, **settings)


def said(message: Message) -> list[Any]:
    """The blocks as JSON, without what the SDK itself adds."""
    return [block.model_dump(exclude={"parsed_output"}) for block in message.content]


@pytest.fixture
def through() -> Open:
    """Opens an SDK client whose base URL is a proxy in front of a server."""

    @asynccontextmanager
    async def opened(server: Served) -> AsyncIterator[tuple[AsyncAnthropic, RunningProxy]]:
        async with running_proxy(server.url) as proxy, client_of(proxy.url) as client:
            await proxy.ready()
            yield client, proxy

    return opened


async def test_a_message_and_a_stream_say_the_same(
    through: Open, start_either: StartEither
) -> None:
    async with through(start_either()) as (client, proxy):
        whole = await client.messages.create(**ASKED, **GREEDY)
        async with client.messages.stream(**ASKED, **GREEDY) as stream:
            texts = [text async for text in stream.text_stream]
            final = await stream.get_final_message()
        counted = await client.messages.count_tokens(
            model="tiny", system=ASKED["system"], messages=ASKED["messages"]
        )
        first, second = await proxy.records()

    assert whole.content[0].type == "text"
    assert whole.content[0].text == "".join(texts)
    assert said(final) == said(whole)
    assert (whole.stop_reason, final.stop_reason) == ("max_tokens", "max_tokens")
    assert whole.usage.output_tokens == 12 == first["generated_tokens"]
    assert final.usage.cache_read_input_tokens == second["cached_tokens"]
    assert second["cached_tokens"] == second["prompt_tokens"] - 1
    assert counted.input_tokens == second["prompt_tokens"]


async def test_a_conversation_appends_and_stays_cached(
    through: Open, start_either: StartEither
) -> None:
    messages: list[Any] = [*ASKED["messages"]]
    async with through(start_either()) as (client, proxy):
        for text in ("More.", "And more."):
            reply = await client.messages.create(**{**ASKED, "messages": messages}, **GREEDY)
            messages += [
                {"role": "assistant", "content": reply.content},
                {"role": "user", "content": text},
            ]
        await client.messages.create(**{**ASKED, "messages": messages})
        records = await proxy.records()

    assert [record["kind"] for record in records] == ["cold", "append", "append"]
    for before, after in pairwise(records):
        held = before["prompt_tokens"] + before["generated_tokens"] - 1
        assert after["cached_tokens"] == held


async def test_a_tool_call_comes_whole_and_in_a_stream(
    through: Open, start_stock: StartStock
) -> None:
    async with through(start_stock()) as (client, proxy):
        whole = await client.messages.create(**CALL)
        async with client.messages.stream(**CALL) as stream:
            events = [event async for event in stream]
        records = await proxy.records()

    (call,) = whole.content
    assert call.type == "tool_use"
    assert (call.name, call.input) == ("look", {"at": "a"})
    begun = [e.content_block.type for e in events if e.type == "content_block_start"]
    assert begun == ["tool_use"]
    assert [record["outcome"] for record in records] == ["ok", "ok"]


async def test_thoughts_come_before_the_text(through: Open, start_stock: StartStock) -> None:
    server = start_stock(chat_template=template("chatml_begins_thinking"))
    thinking: Any = {"type": "enabled", "budget_tokens": 5}
    asked = {**ASKED, "max_tokens": 24, "thinking": thinking}
    async with through(server) as (client, _):
        whole = await client.messages.create(**asked, **GREEDY)
        async with client.messages.stream(**asked, **GREEDY) as stream:
            final = await stream.get_final_message()

    assert [block.type for block in whole.content] == ["thinking", "text"]
    assert said(final) == said(whole)


async def test_errors_of_the_backend_are_shown_in_its_own_words(
    through: Open, start_stock: StartStock
) -> None:
    server = start_stock(context=2048)
    picture = {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"},
    }
    long = "x" * 3000
    async with through(server) as (client, _):
        with pytest.raises(anthropic.BadRequestError) as too_long:
            await client.messages.create(
                **{**ASKED, "messages": [{"role": "user", "content": long}]}
            )
        with pytest.raises(anthropic.InternalServerError, match="image input is not supported"):
            await client.messages.create(
                **{**ASKED, "messages": [{"role": "user", "content": [picture]}]}
            )
        with pytest.raises(anthropic.APIStatusError, match="does not match the expected"):
            async with client.messages.stream(
                **{**CALL, "tool_choice": {"type": "auto"}}
            ) as stream:
                await stream.get_final_message()

    assert "prompt is too long: " in too_long.value.message
    assert " > 2048 maximum" in too_long.value.message


async def test_errors_of_ours_are_shown_in_our_words(start_stock: StartStock) -> None:
    nobody = "http://127.0.0.1:1"
    async with running_proxy(nobody) as proxy, client_of(proxy.url) as client:
        with pytest.raises(anthropic.InternalServerError, match="Is it running") as down:
            await client.messages.create(**ASKED)
        with pytest.raises(anthropic.InternalServerError, match="Is it running"):
            await client.messages.count_tokens(model="tiny", messages=ASKED["messages"])
    server = start_stock()
    async with running_proxy(server.url, server={"api_key": "secret"}) as proxy:
        async with client_of(proxy.url) as client:
            with pytest.raises(anthropic.AuthenticationError, match="Invalid API Key"):
                await client.messages.create(**ASKED)
        async with AsyncAnthropic(base_url=proxy.url, api_key="secret") as client:
            await client.messages.create(**ASKED)
    narrow = {"max_body_bytes": 100}
    async with running_proxy(nobody, server=narrow) as proxy, client_of(proxy.url) as client:
        with pytest.raises(anthropic.APIStatusError, match="max_body_bytes") as large:
            await client.messages.create(**ASKED)

    assert down.value.status_code == 502
    assert "'backend_unreachable'" in str(down.value.body)
    assert large.value.status_code == 413


async def test_a_client_that_gives_up_ends_the_request_behind_the_proxy(
    start_stock: StartStock,
) -> None:
    async with Backend([Stall()]) as backend, running_proxy(backend.url) as proxy:
        async with client_of(proxy.url, timeout=0.2) as client:
            with pytest.raises(anthropic.APITimeoutError):
                await client.messages.create(**ASKED)
        async with asyncio.timeout(10):
            await backend.requests[0].client_gone.wait()
        record = await proxy.record()
    assert record["outcome"] == "client_gone"

    server = start_stock()
    async with running_proxy(server.url) as proxy, client_of(proxy.url) as client:
        endless = {**ASKED, "max_tokens": 20_000}
        async with client.messages.stream(**endless) as stream:
            await anext(aiter(stream.text_stream))
        record = await proxy.record()
        idle = await exchange(server.url, "POST", "/v1/messages", {**ASKED, "max_tokens": 1})

    assert record["outcome"] == "client_gone"
    assert idle.status == 200
