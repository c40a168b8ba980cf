"""Uploads stream to the backend as they come, and a slow side slows the other down."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from tests.fakes.raw_client import exchange, raw_client, request_bytes
from tests.fakes.running_proxy import DEADLINE_S, Backend, running_proxy, until
from tests.fakes.scripted import Send, Step
from tests.fakes.scripted_http import Request
from tests.fakes.scripted_replies import http_chunk, json_response, stream_response

OK = json_response({"ok": True})


async def test_a_body_that_is_no_text_stays_as_it_is() -> None:
    """A multipart upload: its boundary stands in a header and in the body."""
    data = b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + bytes(range(256))
    data += b"\r\n--b--\r\n"
    raw = b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: h\r\n"
    raw += b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n" % len(
        data
    )
    async with (
        Backend(OK) as backend,
        running_proxy(backend.url) as proxy,
        raw_client(proxy.url) as client,
    ):
        await client.send(raw + data)
        await client.answer()

    assert backend.requests[0].body == data
    assert backend.requests[0].header("content-type") == "multipart/form-data; boundary=b"
    assert backend.requests[0].header("content-length") == str(len(data))


@dataclass
class Sink:
    """What a backend that reads an upload piece by piece has got so far."""

    got: bytearray = field(default_factory=bytearray)
    read_on: asyncio.Event = field(default_factory=asyncio.Event)
    answer_now: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: read while allowed, answer when told, see the end."""
        reading = asyncio.create_task(self._read(reader))
        await asyncio.wait(
            (reading, asyncio.create_task(self.answer_now.wait())),
            return_when=asyncio.FIRST_COMPLETED,
        )
        if self.answer_now.is_set():
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            await writer.drain()
        await reading
        writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        await self.read_on.wait()
        while data := await reader.read(65536):
            self.got += data
        self.gone.set()

    async def counts(self, mark: bytes, count: int) -> None:
        """Wait until this byte has come so often."""
        await until(lambda: self.got.count(mark) >= count)

    async def ends_with(self, end: bytes) -> None:
        """Wait until this has come last."""
        await until(lambda: self.got.endswith(end))


@asynccontextmanager
async def sink(*, reads: bool = True) -> AsyncIterator[Sink]:
    """A backend for one upload."""
    backend = Sink()
    if reads:
        backend.read_on.set()
    server = await asyncio.start_server(backend.serve, "127.0.0.1", 0)
    backend.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield backend
    finally:
        backend.answer_now.set()
        backend.read_on.set()
        server.close()


PIECE = b"x" * 100_000


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
async def test_an_upload_arrives_in_pieces_before_it_is_complete(chunked: bool) -> None:
    """Each of 30 pieces, 3 MB in all, is with the backend before the client sends the next."""
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {30 * len(PIECE)}"
    async with (
        sink() as backend,
        running_proxy(backend.url) as proxy,
        raw_client(proxy.url) as client,
        asyncio.timeout(DEADLINE_S),
    ):
        await client.send(f"POST /v1/x HTTP/1.1\r\nHost: h\r\n{framing}\r\n\r\n".encode())
        for number in range(1, 31):
            await client.send(http_chunk(PIECE) if chunked else PIECE)
            await backend.counts(b"x", number * len(PIECE))
        if chunked:
            await client.send(b"0\r\n\r\n")
            await backend.ends_with(b"0\r\n\r\n")
        backend.answer_now.set()
        answer = await client.answer()

    sent = bytes(backend.got).lower()
    assert answer.body == b"{}"
    assert (b"transfer-encoding: chunked" in sent) is chunked
    assert (b"content-length: 3000000" in sent) is not chunked


async def test_an_upload_of_nothing_has_its_length() -> None:
    async with Backend(OK) as backend, running_proxy(backend.url) as proxy:
        await exchange(proxy.url, "POST", "/v1/unload", b"")

    assert backend.requests[0].header("content-length") == "0"
    assert backend.requests[0].header("transfer-encoding") is None


async def test_an_upload_is_invited_only_when_the_backend_is_there() -> None:
    """`Expect: 100-continue`: the proxy asks for the body, the backend is not asked again."""
    asked = b"PUT /v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    async with (
        Backend(OK) as backend,
        running_proxy(backend.url) as proxy,
        raw_client(proxy.url) as client,
        asyncio.timeout(DEADLINE_S),
    ):
        await client.send(asked)
        await client.ended()
        invited = bytes(client.received)
        await client.send(b"abc")
        answer = await client.answer()

    assert invited == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert answer.status == 200
    assert backend.requests[0].body == b"abc"
    assert backend.requests[0].header("expect") is None


async def test_an_upload_to_a_backend_that_is_down_is_not_asked_for() -> None:
    asked = b"PUT /v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    async with Backend() as backend:
        url = backend.url
    async with (
        running_proxy(url) as proxy,
        raw_client(proxy.url) as client,
        asyncio.timeout(DEADLINE_S),
    ):
        await client.send(asked)
        answer = await client.head()

    assert (answer.status, answer.interim) == (502, [])


async def test_an_answer_before_the_end_of_the_upload_is_relayed() -> None:
    """A backend that refuses an upload need not read it."""
    async with (
        sink() as backend,
        running_proxy(backend.url) as proxy,
        raw_client(proxy.url) as client,
        asyncio.timeout(DEADLINE_S),
    ):
        await client.send(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nxx")
        await backend.ends_with(b"xx")
        backend.answer_now.set()
        answer = await client.answer()

    assert (answer.status, answer.body) == (200, b"{}")


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
async def test_a_client_that_leaves_inside_an_upload_ends_the_backends_connection(
    reset: bool,
) -> None:
    async with sink() as backend, running_proxy(backend.url) as proxy:
        async with raw_client(proxy.url) as client, asyncio.timeout(DEADLINE_S):
            await client.send(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nxx")
            await backend.ends_with(b"xx")
            loop = asyncio.get_running_loop()
            left = loop.time()
            client.close(reset=reset)
            await backend.gone.wait()
            assert loop.time() - left < 0.5  # as in test_client_gone.py
        await proxy.records()


MEGABYTE = b"y" * 1_000_000
HELD_MAX = 24
"""Megabytes that two connections may hold between them: Linux lets each buffer 4 + 6 MB at most."""


async def settled(count: Callable[[], int]) -> int:
    """The count once it has not changed for a while."""
    last, same = -1, 0
    async with asyncio.timeout(DEADLINE_S):
        while same < 20:
            await asyncio.sleep(0.005)
            last, same = (count(), same + 1) if count() == last else (count(), 0)
    return last


async def test_a_slow_backend_slows_an_upload_down() -> None:
    """Of 100 MB the proxy takes no more than the sockets hold."""
    taken = 0
    async with (
        sink(reads=False) as backend,
        running_proxy(backend.url) as proxy,
        raw_client(proxy.url) as client,
    ):
        await client.send(b"PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n")

        async def upload() -> None:
            nonlocal taken
            for _ in range(100):
                await client.send(MEGABYTE)
                taken += 1

        sending = asyncio.create_task(upload())
        held = await settled(lambda: taken)
        backend.read_on.set()
        await sending
        await backend.counts(b"y", 100_000_000)
        backend.answer_now.set()
        answer = await client.answer()

    assert held <= HELD_MAX
    assert answer.status == 200


@pytest.mark.parametrize("path", ["/v1/x", "/v1/chat/completions"], ids=["passthrough", "chat"])
async def test_a_slow_reader_slows_the_backend_down(path: str) -> None:
    """Of 100 MB no more is sent than the sockets hold; then all of it arrives."""
    sent = 0

    def script(_: Request) -> Iterator[Step]:
        nonlocal sent
        yield from stream_response([], finish=False)
        for number in range(1, 101):
            sent = number
            yield Send(http_chunk(MEGABYTE))
        yield Send(b"0\r\n\r\n")

    async with (
        Backend(script, gap_s=0) as backend,
        running_proxy(backend.url) as proxy,
        raw_client(proxy.url) as client,
    ):
        await client.send(request_bytes("POST", path, {"messages": []}))
        answer = await client.head()
        held = await settled(lambda: sent)
        size = 0
        async for arrival in client.body(answer):
            size += len(arrival.data)
            answer.arrivals.clear()
            client.received.clear()

    assert held <= HELD_MAX
    assert size == 100_000_000
    assert answer.complete
