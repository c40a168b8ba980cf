"""Requests that are not answered yet are shown, with what the backend says of them if it was asked."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import MappingProxyType

import pytest

from tests.fakes.raw_client import RawClient, exchange, raw_client, request_bytes
from tests.fakes.running_proxy import (
    DEADLINE_S,
    Backend,
    Json,
    RunningProxy,
    Settings,
    running_proxy,
    until,
)
from tests.fakes.scripted import Handler, Send, Wait
from tests.fakes.scripted_replies import (
    chat_stream,
    http_chunk,
    json_response,
    sse,
    stream_response,
)
from warmprefix.server.reading_on import ReadingOn

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
TEXT, PAGE = "/v1/completions", "/warmprefix/api/running"
USER = [{"role": "user", "content": "word " * 800}]
BODY: Json = {"model": "m", "messages": USER, "stream": True}
ROLE = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": None}}]}
EVENTS = [*sse(ROLE), *chat_stream(["one", " two"])]
ASKS = {"kind": "llamacpp", "ask_progress": True}


def progress(processed: int) -> bytes:
    """An event with which llama-server says how far it is."""
    said = {"total": 1100, "cache": 100, "processed": processed, "time_ms": processed - 100}
    return sse({**ROLE, "prompt_progress": said})[0]


@asynccontextmanager
async def reading(
    events: list[bytes],
    *,
    go_on: asyncio.Event,
    body: Json = BODY,
    backend: Settings = ASKS,
    log: Settings = MappingProxyType({}),
) -> AsyncIterator[tuple[RunningProxy, Backend, RawClient]]:
    """A client has asked, and the backend has sent `events`; the text comes when the test lets it."""
    script: Handler = [
        *stream_response(events, finish=False),
        Wait(go_on),
        *(Send(http_chunk(event)) for event in EVENTS),
        Send(b"0\r\n\r\n"),
    ]
    async with (
        Backend(script, gap_s=0) as double,
        running_proxy(double.url, backend=backend, log=log) as proxy,
        raw_client(proxy.url) as client,
        asyncio.timeout(DEADLINE_S),
    ):
        await client.send(request_bytes("POST", CHAT, body))
        await double.received(1)
        yield proxy, double, client


async def shown(proxy: RunningProxy) -> list[Json]:
    """What the page lists."""
    found: list[Json] = (await exchange(proxy.url, "GET", PAGE)).json()["running"]
    return found


def read_so_far(proxy: RunningProxy) -> int | None:
    """How many tokens the only request has evaluated, as far as that was reported."""
    (one,) = proxy.app.running.all()
    return one.progress.processed_tokens if one.progress else None


async def test_a_read_is_shown_with_what_the_backend_says_of_it() -> None:
    go_on = asyncio.Event()
    async with reading([progress(100), progress(600)], go_on=go_on) as (proxy, backend, client):
        await until(lambda: read_so_far(proxy) == 500)
        (one,) = await shown(proxy)
        go_on.set()
        answer = await client.answer()
        record = await proxy.record()
        after = await shown(proxy)

    assert answer.body == b"".join(EVENTS)
    assert backend.requests[0].json() == {**BODY, "return_progress": True}
    assert one["progress"] == {
        "prompt_tokens": 1100, "cached_tokens": 100, "processed_tokens": 500, "prompt_ms": 500.0,
    }  # fmt: skip
    assert one["rest_ms"] == 500.0
    assert (one["state"], one["estimated_tokens"], one["title"]) == ("reading", 1000, None)
    assert (one["turn"], one["conversation"]) == (record["turn"], record["conversation"])
    assert one["elapsed_ms"] <= record["total_ms"]
    assert record["progress"] == one["progress"]
    assert after == []


async def test_without_asking_what_is_known_is_shown() -> None:
    go_on = asyncio.Event()
    log = {"excerpts": True}
    async with reading([], go_on=go_on, backend={"kind": "llamacpp"}, log=log) as (
        proxy,
        backend,
        client,
    ):
        (one,) = await shown(proxy)
        go_on.set()
        answer = await client.answer()
        record = await proxy.record()

    assert answer.body == b"".join(EVENTS)
    assert "return_progress" not in backend.requests[0].json()
    assert (one["progress"], one["rest_ms"], record["progress"]) == (None, None, None)
    assert one["title"].startswith("word word")


async def test_what_a_client_asks_itself_it_gets() -> None:
    """It is shown all the same."""
    go_on = asyncio.Event()
    go_on.set()
    body = {**BODY, "return_progress": True}
    async with reading([progress(100)], go_on=go_on, body=body) as (proxy, backend, client):
        answer = await client.answer()
        record = await proxy.record()

    assert answer.body == progress(100) + b"".join(EVENTS)
    assert backend.requests[0].json() == body
    assert record["progress"]["processed_tokens"] == 0


async def test_a_client_that_leaves_has_left_a_prompt_that_was_read_so_far() -> None:
    async with reading([progress(600)], go_on=asyncio.Event()) as (proxy, _, client):
        await until(lambda: read_so_far(proxy) == 500)
        client.close()
        record = await proxy.record()

    assert (record["outcome"], record["prompt_tokens"]) == ("client_gone", None)
    assert record["progress"]["processed_tokens"] == 500


NOT_ASKED: list[tuple[str, str, Json, Json]] = [
    ("another-kind", CHAT, BODY, {"kind": "vllm", "ask_progress": True}),
    ("not-streamed", CHAT, {"messages": USER}, ASKS),
    ("messages", MESSAGES, {**BODY, "max_tokens": 1}, ASKS),
    ("text", TEXT, {"prompt": "hi", "stream": True}, ASKS),
]


@pytest.mark.parametrize("row", NOT_ASKED, ids=lambda row: row[0])
async def test_who_does_not_say_it_is_not_asked(row: tuple[str, str, Json, Json]) -> None:
    _, path, body, settings = row
    script = json_response({"ok": True})
    async with Backend(script) as backend, running_proxy(backend.url, backend=settings) as proxy:
        await exchange(proxy.url, "POST", path, body)

    assert backend.requests[0].body == json.dumps(body).encode()


async def test_a_proxy_that_observes_asks_nothing() -> None:
    script = stream_response(EVENTS)
    async with (
        Backend(script) as backend,
        running_proxy(backend.url, backend=ASKS, observe=True) as proxy,
    ):
        await exchange(proxy.url, "POST", CHAT, BODY)

    assert "return_progress" not in backend.requests[0].json()


async def test_what_the_client_does_not_get_breaks_no_silence() -> None:
    """Progress comes all the time, and the client, which gets none of it, still hears that it is read."""
    asked: list[asyncio.Event] = []
    go_on, again = asyncio.Event(), asyncio.Event()

    async def sleep(_: float) -> None:
        asked.append(passed := asyncio.Event())
        await passed.wait()

    script: Handler = [
        *stream_response([progress(100)], finish=False),
        Wait(again),
        Send(http_chunk(progress(600))),
        Wait(go_on),
        *(Send(http_chunk(event)) for event in EVENTS),
        Send(b"0\r\n\r\n"),
    ]
    async with (
        Backend(script, gap_s=0) as backend,
        running_proxy(backend.url, backend=ASKS, server={"keep_alive_s": 7.0}) as proxy,
        raw_client(proxy.url) as client,
        asyncio.timeout(DEADLINE_S),
    ):
        proxy.app.keep_alive.sleep = sleep
        await client.send(request_bytes("POST", CHAT, BODY))
        answer = await client.head()
        await until(lambda: read_so_far(proxy) == 0)
        again.set()
        await until(lambda: read_so_far(proxy) == 500)
        silences = len(asked)
        asked[0].set()
        await until(lambda: len(asked) > silences)
        go_on.set()
        async for _ in client.body(answer):
            pass

    assert silences == 1
    assert answer.body == b":\n\n" + b"".join(EVENTS)


async def test_a_long_read_is_said_seldom(caplog: pytest.LogCaptureFixture) -> None:
    """After ten seconds, and then each time that it has taken twice as long."""
    caplog.set_level(logging.INFO, "warmprefix.server.running")
    go_on, now = asyncio.Event(), [0.0]
    async with reading([progress(600)], go_on=go_on) as (proxy, _, client):
        running = proxy.app.running
        await until(lambda: read_so_far(proxy) == 500)
        began = next(iter(running._exchanges)).arrival.clock_s
        running.clock = lambda: began + now[0]
        for now[0] in (9.9, 10.0, 15.0, 19.9, 20.0, 25.0, 41.0):
            running.look()
        go_on.set()
        await client.answer()
        await proxy.record()
        running.look()

    assert [message.split(":")[0].rpartition(" after ")[2] for message in caplog.messages] == [
        "10 s", "20 s", "41 s",
    ]  # fmt: skip
    assert "600 of 1,100 tokens read (100 cached)" in caplog.messages[0]


async def test_a_request_that_waits_and_one_without_a_stream_are_shown_as_what_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go_on, opened = asyncio.Event(), asyncio.Event()
    script: Handler = [Wait(go_on), *json_response({"ok": True})]
    async with (
        Backend(script, script, gap_s=0) as backend,
        running_proxy(backend.url, slots={"finish_read": True}) as proxy,
        raw_client(proxy.url) as client,
        asyncio.timeout(DEADLINE_S),
    ):

        async def joined(_: object, __: bytes) -> None:
            await opened.wait()

        monkeypatch.setattr(ReadingOn, "joined", joined)
        await client.send(request_bytes("POST", CHAT, {"messages": USER}))
        await until(lambda: bool(proxy.app.running.all()))
        (waits,) = await shown(proxy)
        opened.set()
        await backend.received(1)
        (answers,) = await shown(proxy)
        go_on.set()
        await client.answer()

    assert (waits["state"], answers["state"]) == ("waiting", "answering")
