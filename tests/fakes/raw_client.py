"""A raw HTTP/1.1 client: sends exact bytes, shows exact bytes and when they came.

Only for looking at answers; it follows no redirect, decodes no content coding, and pools nothing.
"""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Arrival:
    """A piece of a body: one HTTP chunk if chunked, otherwise one read. `at` is `loop.time()`."""

    data: bytes
    at: float


@dataclass
class Answer:
    """One response. `complete` is false if the connection ended inside the body."""

    status_line: bytes
    status: int
    headers: list[tuple[str, str]]
    interim: list[bytes] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    trailers: list[bytes] = field(default_factory=list)
    complete: bool = False

    def header(self, name: str) -> str | None:
        """Value of the first header of that name, in any case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def body(self) -> bytes:
        """The whole body without its framing."""
        return b"".join(arrival.data for arrival in self.arrivals)

    def json(self) -> Any:
        """The body as JSON, object members in the order of arrival."""
        return json.loads(self.body)

    def events(self) -> list[Any]:
        """The events of an SSE body with LF ends: JSON if it is an object, otherwise the text."""
        texts = self.body.decode().removesuffix("\n\n").split("\n\n")
        datas = [text.removeprefix("data: ") for text in texts]
        return [json.loads(data) if data.startswith("{") else data for data in datas]


class RawClient:
    """One connection. `received` keeps every byte that came."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._buffer = bytearray()
        self._at = 0.0
        self.received = bytearray()

    async def send(self, data: bytes) -> None:
        """Put these bytes on the wire."""
        self._writer.write(data)
        await self._writer.drain()

    async def head(self) -> Answer:
        """Status line and headers of the next answer; 1xx heads before it are kept in `interim`."""
        interim: list[bytes] = []
        while True:
            status_line, *lines = (await self._until(b"\r\n\r\n")).split(b"\r\n")
            status = int(status_line.split(b" ")[1])
            if status < 200 and status != 101:
                interim.append(status_line)
                continue
            pairs = [line.decode("latin-1").partition(":") for line in lines]
            headers = [(name, value.strip()) for name, _, value in pairs]
            return Answer(status_line, status, headers, interim)

    async def body(self, answer: Answer) -> AsyncIterator[Arrival]:
        """Arrivals of the body as they come, also kept in `answer.arrivals`."""
        with suppress(EOFError):
            async for data in self._pieces(answer):
                arrival = Arrival(data, self._at)
                answer.arrivals.append(arrival)
                yield arrival
            answer.complete = True

    async def answer(self) -> Answer:
        """The next answer with its whole body."""
        answer = await self.head()
        async for _ in self.body(answer):
            pass
        return answer

    async def ended(self) -> bool:
        """Wait for the peer to close; false if bytes come instead."""
        return not self._buffer and not await self._fill()

    def close(self, *, reset: bool = False) -> None:
        """Leave now, with FIN or RST, even if more is to come."""
        if reset:
            linger = struct.pack("ii", 1, 0)
            raw = self._writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self._writer.transport.abort()
        else:
            self._writer.close()

    async def wait_closed(self) -> None:
        """Wait until the socket is closed on this side."""
        with suppress(ConnectionError):
            await self._writer.wait_closed()

    async def exactly(self, count: int) -> bytes:
        """The next `count` bytes, for what is not HTTP (an upgraded connection)."""
        while len(self._buffer) < count:
            if not await self._fill():
                raise EOFError
        return self._take(count)

    async def _pieces(self, answer: Answer) -> AsyncIterator[bytes]:
        length = answer.header("content-length")
        if answer.status in (101, 204, 304):
            return
        if (answer.header("transfer-encoding") or "").lower() == "chunked":
            async for data in self._chunks(answer):
                yield data
        elif length is not None:
            left = int(length)
            while left:
                data = await self._some(left)
                left -= len(data)
                yield data
        else:
            with suppress(EOFError):
                while True:
                    yield await self._some()

    async def _chunks(self, answer: Answer) -> AsyncIterator[bytes]:
        while size := int((await self._until(b"\r\n")).split(b";")[0], 16):
            data = await self.exactly(size)
            await self.exactly(2)
            yield data
        while trailer := await self._until(b"\r\n"):
            answer.trailers.append(trailer)

    async def _some(self, limit: int | None = None) -> bytes:
        if not self._buffer and not await self._fill():
            raise EOFError
        return self._take(len(self._buffer) if limit is None else min(limit, len(self._buffer)))

    async def _until(self, mark: bytes) -> bytes:
        while (end := self._buffer.find(mark)) < 0:
            if not await self._fill():
                raise EOFError
        return self._take(end + len(mark))[: -len(mark)]

    async def _fill(self) -> bool:
        try:
            data = await self._reader.read(65536)
        except ConnectionError:
            data = b""
        self._at = asyncio.get_running_loop().time()
        self._buffer += data
        self.received += data
        return bool(data)

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken


@asynccontextmanager
async def raw_client(url: str) -> AsyncIterator[RawClient]:
    """A connection to the host and port of `url`, closed at the end."""
    parts = urlsplit(url)
    client = RawClient(*await asyncio.open_connection(parts.hostname, parts.port))
    try:
        yield client
    finally:
        client.close()
        await client.wait_closed()


def request_bytes(
    method: str,
    target: str,
    body: object = None,
    headers: Sequence[tuple[str, str]] = (),
    *,
    host: str = "localhost",
) -> bytes:
    """A request with a content length; a body that is not bytes is dumped as JSON."""
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(data)}"]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + data


async def exchange(
    url: str,
    method: str,
    target: str,
    body: object = None,
    headers: Sequence[tuple[str, str]] = (),
) -> Answer:
    """One request on a connection of its own, and its whole answer."""
    async with raw_client(url) as client:
        await client.send(request_bytes(method, target, body, headers))
        return await client.answer()
