"""The official Python SDKs read a stream that says something while its prompt is read: the text is whole."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from tests.fakes.running_proxy import BUSY_S, Backend, running_proxy
from tests.fakes.scripted import Handler, Send, Wait
from tests.fakes.scripted_replies import chat_stream, http_chunk, stream_response
from warmprefix.dialects.bodies import event_of

BEATS = 3
ASKED: list[Any] = [{"role": "user", "content": "hi"}]


def named(*events: dict[str, Any]) -> list[bytes]:
    return [event_of(event, event["type"]) for event in events]


MESSAGE: Any = {
    "id": "m", "type": "message", "role": "assistant", "model": "m", "content": [],
    "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 0},
}  # fmt: skip
MESSAGE_EVENTS = named(
    {"type": "message_start", "message": MESSAGE},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "one two"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
    {"type": "message_stop"},
)
RESPONSE: Any = {"id": "r", "object": "response", "status": "in_progress", "output": []}
PLACE: Any = {"item_id": "i", "output_index": 0, "content_index": 0}
RESPONSE_EVENTS = named(
    {"type": "response.created", "response": RESPONSE},
    {"type": "response.output_text.delta", **PLACE, "delta": "one two"},
    {"type": "response.completed", "response": {**RESPONSE, "status": "completed"}},
)


@asynccontextmanager
async def slow(events: list[bytes], *, is_early: bool) -> AsyncIterator[tuple[str, list[float]]]:
    """The address of a proxy whose backend speaks after three silences, before its head or behind it; and the
    silences."""
    go_on, silences = asyncio.Event(), list[float]()

    async def sleep(seconds: float) -> None:
        silences.append(seconds)
        if len(silences) > BEATS:
            go_on.set()
            await asyncio.Event().wait()

    begun = [] if is_early else stream_response([], finish=False)
    rest = stream_response([], finish=False) if is_early else []
    text = [*(Send(http_chunk(event)) for event in events), Send(b"0\r\n\r\n")]
    script: Handler = [*begun, Wait(go_on), *rest, *text]
    settings = {"keep_alive_s": 5.0, "early_headers": is_early}
    async with (
        Backend(script, gap_s=0) as backend,
        running_proxy(backend.url, server=settings) as proxy,
        asyncio.timeout(BUSY_S),
    ):
        proxy.app.keep_alive.sleep = sleep
        yield proxy.url, silences


HEADS = pytest.mark.parametrize("is_early", [True, False], ids=["before-the-head", "behind-it"])


@HEADS
async def test_openais_sdk_reads_a_chat(is_early: bool) -> None:
    async with (
        slow(chat_stream(["one", " two"]), is_early=is_early) as (url, silences),
        AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client,
    ):
        stream = await client.chat.completions.create(model="m", messages=ASKED, stream=True)
        said = [one.choices[0].delta.content or "" async for one in stream if one.choices]

    assert "".join(said) == "one two"
    assert len(silences) > BEATS


@HEADS
async def test_openais_sdk_reads_a_response(is_early: bool) -> None:
    async with (
        slow(RESPONSE_EVENTS, is_early=is_early) as (url, silences),
        AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client,
    ):
        stream = await client.responses.create(model="m", input="hi", stream=True)
        kinds = [event.type async for event in stream]

    assert kinds == ["response.created", "response.output_text.delta", "response.completed"]
    assert len(silences) > BEATS


@HEADS
async def test_anthropics_sdk_reads_a_message(is_early: bool) -> None:
    async with (
        slow(MESSAGE_EVENTS, is_early=is_early) as (url, silences),
        AsyncAnthropic(base_url=url, api_key="none", max_retries=0) as client,
        AsyncExitStack() as stack,
    ):
        asked = client.messages.stream(model="m", messages=ASKED, max_tokens=9)
        text = await (await stack.enter_async_context(asked)).get_final_text()

    assert text == "one two"
    assert len(silences) > BEATS
