"""A client that leaves while its prompt is read finds it read when it asks again, if the user wants that."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.fakes.raw_client import exchange, raw_client, request_bytes
from tests.fakes.running_proxy import DEADLINE_S, Backend, Json, RunningProxy, running_proxy, until
from tests.fakes.scripted import Handler, Send, Wait
from tests.fakes.scripted_http import Request
from tests.fakes.scripted_replies import chat_stream, http_chunk, json_response, stream_response
from warmprefix.server.reading_on import LONGEST_S, ReadingOn

CHAT, OTHER = "/v1/chat/completions", "/v1/embeddings"
BODY: Json = {"messages": [{"role": "user", "content": "a long one"}], "stream": True}
EVENTS = chat_stream(["one", " two"])
OK = json_response({"ok": True})


def reading(is_read: asyncio.Event) -> Handler:
    """The head at once, the first text when the prompt is read, and then nothing until the client leaves."""
    return [
        *stream_response([EVENTS[0]], finish=False),
        Wait(is_read),
        Send(http_chunk(EVENTS[1])),
        Wait(asyncio.Event()),
    ]


@asynccontextmanager
async def left(
    *scripts: Handler, body: Json = BODY, wanted: bool = True
) -> AsyncIterator[tuple[RunningProxy, Backend, Request]]:
    """A client has asked and left before the first text. The scripts are for that request and those that
    follow."""
    async with (
        Backend(*scripts, gap_s=0) as backend,
        running_proxy(backend.url, slots={"finish_read": wanted}) as proxy,
        asyncio.timeout(DEADLINE_S),
    ):
        async with raw_client(proxy.url) as client:
            await client.send(request_bytes("POST", CHAT, body))
            first = await backend.received(1)
        yield proxy, backend, first


def waiting_reads(proxy: RunningProxy) -> int:
    """How many reads go on without a client."""
    return len(proxy.app.reading_on._left)


async def test_by_default_the_backends_connection_is_closed_at_once() -> None:
    async with left(reading(asyncio.Event()), wanted=False) as (proxy, _, first):
        await first.client_gone.wait()
        record = await proxy.record()

    assert record["outcome"] == "client_gone"


async def test_the_read_ends_with_the_first_text() -> None:
    is_read = asyncio.Event()
    async with left(reading(is_read)) as (proxy, _, first):
        await until(lambda: waiting_reads(proxy) == 1)
        assert not first.client_gone.is_set()
        is_read.set()
        await first.client_gone.wait()
        record = await proxy.record()

    assert record["outcome"] == "client_gone"
    assert waiting_reads(proxy) == 0


async def test_whoever_asks_for_the_same_waits_until_it_is_read() -> None:
    """And is sent only when the backend works for nobody any more: it would take another slot."""
    is_read = asyncio.Event()
    seen: list[bool] = []

    def second(_: Request) -> list[Send]:
        seen.append(first.client_gone.is_set())
        return [step for step in stream_response(EVENTS) if isinstance(step, Send)]

    async with left(reading(is_read), second) as (proxy, backend, first):
        await until(lambda: waiting_reads(proxy) == 1)
        again = asyncio.create_task(exchange(proxy.url, "POST", CHAT, BODY))
        await until(lambda: len(proxy.server.server_state.tasks) == 2)
        is_read.set()
        answer = await again

    assert answer.body == b"".join(EVENTS)
    assert len(backend.requests) == 2
    assert seen == [True]


async def test_a_client_that_leaves_while_it_waits_leaves_the_read_alone() -> None:
    is_read = asyncio.Event()
    async with left(reading(is_read), stream_response(EVENTS)) as (proxy, backend, first):
        await until(lambda: waiting_reads(proxy) == 1)
        async with raw_client(proxy.url) as client:
            await client.send(request_bytes("POST", CHAT, BODY))
            await until(lambda: len(proxy.server.server_state.tasks) == 2)
        await until(lambda: len(proxy.server.server_state.tasks) == 1)
        assert not first.client_gone.is_set()
        assert waiting_reads(proxy) == 1
        is_read.set()
        answer = await exchange(proxy.url, "POST", CHAT, BODY)

    assert answer.body == b"".join(EVENTS)
    assert len(backend.requests) == 2


OTHERS: list[tuple[str, str, Json, list[tuple[str, str]]]] = [
    ("another-chat", CHAT, {"messages": [{"role": "user", "content": "other"}]}, []),
    ("another-key", CHAT, BODY, [("Authorization", "Bearer b")]),
    ("another-endpoint", OTHER, {"input": "x"}, []),
]


@pytest.mark.parametrize("row", OTHERS, ids=lambda row: row[0])
async def test_any_other_request_ends_it_at_once(
    row: tuple[str, str, Json, list[tuple[str, str]]],
) -> None:
    _, path, body, headers = row
    async with left(reading(asyncio.Event()), OK) as (proxy, _, first):
        await until(lambda: waiting_reads(proxy) == 1)
        answer = await exchange(proxy.url, "POST", path, body, headers)
        await first.client_gone.wait()
        await until(lambda: waiting_reads(proxy) == 0)

    assert answer.status == 200


async def test_a_question_that_takes_no_slot_ends_nothing() -> None:
    is_read = asyncio.Event()
    async with left(reading(is_read), OK) as (proxy, _, first):
        await until(lambda: waiting_reads(proxy) == 1)
        await exchange(proxy.url, "POST", "/tokenize", {"content": "x"})
        assert not first.client_gone.is_set()
        is_read.set()
        await first.client_gone.wait()


async def test_after_ten_minutes_it_is_given_up() -> None:
    asked: list[float] = []

    async def at_once(seconds: float) -> None:
        asked.append(seconds)

    async with (
        Backend(reading(asyncio.Event())) as backend,
        running_proxy(backend.url, slots={"finish_read": True}) as proxy,
        asyncio.timeout(DEADLINE_S),
    ):
        proxy.app.reading_on.sleep = at_once
        async with raw_client(proxy.url) as client:
            await client.send(request_bytes("POST", CHAT, BODY))
            first = await backend.received(1)
        await first.client_gone.wait()

    assert asked == [LONGEST_S]


async def test_after_the_first_text_a_client_that_leaves_ends_the_request() -> None:
    is_read = asyncio.Event()
    is_read.set()
    async with (
        Backend(reading(is_read), gap_s=0) as backend,
        running_proxy(backend.url, slots={"finish_read": True}) as proxy,
        asyncio.timeout(DEADLINE_S),
    ):
        async with raw_client(proxy.url) as client:
            await client.send(request_bytes("POST", CHAT, BODY))
            answer = await client.head()
            arrivals = client.body(answer)
            while b"one" not in answer.body:
                await anext(arrivals)
        await backend.requests[0].client_gone.wait()
        assert waiting_reads(proxy) == 0


async def test_a_stop_ends_it() -> None:
    async with left(reading(asyncio.Event())) as (proxy, _, first):
        await until(lambda: waiting_reads(proxy) == 1)
        proxy.app.stop_watching()
        await first.client_gone.wait()


async def test_nothing_is_waited_for_if_nothing_is_read() -> None:
    await ReadingOn(is_wanted=True).joined(b"key")


async def _waits(for_what: asyncio.Event) -> None:
    await for_what.wait()


async def test_of_two_that_read_the_same_one_goes_on_and_can_be_given_up() -> None:
    reads, never = ReadingOn(is_wanted=True), asyncio.Event()
    works = [asyncio.create_task(_waits(never)) for _ in range(2)]
    async with asyncio.timeout(DEADLINE_S):
        first = asyncio.create_task(reads.finish(b"key", works[0], never))
        await asyncio.sleep(0)
        await reads.finish(b"key", works[1], never)
        assert not first.done()
        reads.came()
        await first
    for work in works:
        work.cancel()
