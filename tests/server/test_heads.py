"""How long a head may be, and how long anything may take to come."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.fakes.raw_client import RawClient, raw_client
from tests.fakes.running_proxy import Backend, running_proxy
from tests.fakes.scripted import Script, Stall, Wait
from tests.fakes.scripted_replies import chat_stream, stream_response
from tests.security.hostile import BODY, CHAT, HANG_S, OK, chunked, post
from warmprefix.server import heads

LENGTH = b"Content-Length: %d" % len(BODY)
BEGUN = b"GET / HTTP/1.1\r\nHost: localhost\r\n"


@asynccontextmanager
async def connected(answer: Script = OK) -> AsyncIterator[tuple[Backend, RawClient]]:
    async with (
        asyncio.timeout(HANG_S),
        Backend(otherwise=answer) as backend,
        running_proxy(backend.url) as proxy,
        raw_client(proxy.url) as client,
    ):
        yield backend, client


LONG = {
    "one-header": BEGUN + b"X: " + b"a" * 70_000,
    "many-headers": BEGUN + b"X: 1\r\n" * 20_000,
    "target": b"GET /" + b"a" * 70_000,
    "complete": BEGUN + b"X: " + b"a" * 70_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("data", LONG.values(), ids=LONG)
async def test_a_head_that_is_too_long_is_refused(data: bytes) -> None:
    async with connected() as (backend, client):
        await client.send(data)
        answer = await client.answer()
        assert await client.ended()

    assert (answer.status, answer.header("connection")) == (431, "close")
    assert backend.requests == []


async def test_a_head_of_nearly_that_length_passes_in_any_pieces() -> None:
    head = post(CHAT, LENGTH, b"X: " + b"a" * 65_000)
    async with connected() as (backend, client):
        for _ in range(2):
            await client.send(head[:30_000])
            await client.send(head[30_000:] + BODY[:5])
            await client.send(BODY[5:])
            assert (await client.answer()).status == 200

    assert [request.body for request in backend.requests] == [BODY, BODY]


async def test_the_length_of_a_head_is_its_own_and_not_that_of_a_body_before_it() -> None:
    body = b'{"messages":[{"role":"user","content":"' + b"a" * 100_000 + b'"}]}'
    wire = post(CHAT, b"Content-Length: %d" % len(body), body=body)
    async with connected() as (backend, client):
        await client.send(wire * 2)
        assert [(await client.answer()).status for _ in range(2)] == [200, 200]

    assert [request.body for request in backend.requests] == [body, body]


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "HEAD_S", 0.05)
    monkeypatch.setattr(heads, "IDLE_S", 0.1)


HALF = {
    "half-a-head": (BEGUN, 408),
    "half-a-line": (b"G", 408),
    "half-a-body": (post(CHAT, LENGTH) + b"{", 408),
    "half-a-chunk": (post(CHAT, b"Transfer-Encoding: chunked") + chunked(b"{", end=b"5\r\n{"), 408),
    "silence": (b"", None),
}


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize(("data", "status"), HALF.values(), ids=HALF)
async def test_what_does_not_go_on_is_ended(data: bytes, status: int | None) -> None:
    async with connected() as (_, client):
        await client.send(data)
        while not await client.ended():
            client._buffer.clear()
        lines: list[bytes] = re.findall(rb"HTTP/1\.1 (\d{3})", bytes(client.received))

    assert lines == ([] if status is None else [str(status).encode()])


@pytest.mark.usefixtures("_impatient")
async def test_a_second_request_is_waited_for_as_the_first() -> None:
    async with connected() as (_, client):
        await client.send(post(CHAT, LENGTH, body=BODY))
        assert (await client.answer()).status == 200
        await client.send(BEGUN)
        assert (await client.answer()).status == 408


@pytest.mark.usefixtures("_impatient")
async def test_what_an_answer_takes_is_no_silence_of_the_client() -> None:
    """Nor is a request that has begun behind it, nor a body that is read no further."""
    pieces = chat_stream(["a", "b"])
    slow = [*stream_response(pieces[:1], finish=False), Wait(0.4), *stream_response(pieces)[1:]]
    async with connected(slow) as (_, client):
        await client.send(post(CHAT, LENGTH, body=BODY) + BEGUN)
        answer = await client.answer()

    assert answer.complete


@pytest.mark.usefixtures("_impatient")
async def test_a_body_that_the_backend_does_not_read_is_waited_for() -> None:
    """Twenty megabytes do not fit into the sockets; meanwhile nobody is silent but the backend."""
    data = b"a" * 20_000_000
    length = b"Content-Length: %d" % len(data)
    async with connected([Stall()]) as (_, client):
        sending = asyncio.create_task(client.send(post("/v1/embeddings", length) + data))
        await asyncio.sleep(0.5)
        assert client.received == b""
        sending.cancel()
        client.close(reset=True)
