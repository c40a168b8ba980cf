"""One server-side HTTP/1.1 connection: requests exactly as received, bytes sent exactly as given.

No library stands between the socket and the test, so nothing is corrected on the way in or out. scripted.py
decides what is answered.
"""

import asyncio
import json
import socket
import struct
from dataclasses import dataclass, field
from typing import Any

READ_BYTES = 65536
"""One read; larger than any request a test sends in one piece."""


class Malformed(Exception):
    """The bytes received are not an HTTP/1.1 request, or they ended inside one."""


@dataclass(eq=False)
class Request:
    """One request as it was on the wire. `ordinal` counts the requests of its connection from 1."""

    method: str
    target: str
    version: str
    headers: list[tuple[str, str]]
    head: bytes
    body: bytes
    connection: int
    ordinal: int
    client_gone: asyncio.Event = field(default_factory=asyncio.Event)
    gone_at: float | None = None
    """`loop.time()` when the peer closed the connection, during the answer or after it."""

    def header(self, name: str) -> str | None:
        """Value of the first header of that name, in any case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def json(self) -> Any:
        """The body as JSON, object members in the order of arrival."""
        return json.loads(self.body)

    @property
    def wants_close(self) -> bool:
        """Whether the client asked for the connection to end here (RFC 9112 section 9.3)."""
        token = (self.header("connection") or "").lower()
        return token == "close" or (self.version == "HTTP/1.0" and token != "keep-alive")


class Connection:
    """An accepted socket with what has been read from it and not yet used."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.number = number
        self.buffer = bytearray()
        self.requests: list[Request] = []

    async def fill(self) -> bool:
        """Read once; false if the peer has closed, by FIN or by RST."""
        try:
            data = await self.reader.read(READ_BYTES)
        except ConnectionError:
            data = b""
        self.buffer += data
        return bool(data)

    async def watch(self) -> None:
        """Keep reading until the peer closes, then mark every request of this connection."""
        while await self.fill():
            pass
        self.mark_gone()

    def mark_gone(self) -> None:
        """Record that the peer closed, once."""
        now = asyncio.get_running_loop().time()
        for request in self.requests:
            if not request.client_gone.is_set():
                request.gone_at = now
                request.client_gone.set()

    async def line(self) -> bytes:
        """The next line without its CRLF."""
        while (end := self.buffer.find(b"\r\n")) < 0:
            await self.more()
        return self.take(end + 2)[:-2]

    async def exactly(self, count: int) -> bytes:
        """The next `count` bytes."""
        while len(self.buffer) < count:
            await self.more()
        return self.take(count)

    async def more(self) -> None:
        """Read once more inside a request; raises `Malformed` if there is nothing more."""
        if not await self.fill():
            raise Malformed("the peer closed inside a request")

    def take(self, count: int) -> bytes:
        """Remove and return the first `count` buffered bytes."""
        taken = bytes(self.buffer[:count])
        del self.buffer[:count]
        return taken

    async def send(self, data: bytes) -> None:
        """Hand the bytes to the kernel at once."""
        self.writer.write(data)
        await self.writer.drain()

    def close(self, *, reset: bool = False) -> None:
        """End the connection: FIN, or RST (SO_LINGER 0), which may overtake what was sent."""
        if reset:
            linger = struct.pack("ii", 1, 0)
            raw = self.writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.writer.transport.abort()
        else:
            self.writer.close()


async def read_request(connection: Connection, *, interim: bool = True) -> Request:
    """The next request. With `interim`, `Expect: 100-continue` is answered before the body."""
    lines = [await connection.line()]
    while lines[-1]:
        lines.append(await connection.line())
    words = lines[0].decode("latin-1").split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise Malformed(f"not a request line: {lines[0]!r}")
    request = Request(
        method=words[0],
        target=words[1],
        version=words[2],
        headers=[split_header(line) for line in lines[1:-1]],
        head=b"\r\n".join(lines) + b"\r\n",
        body=b"",
        connection=connection.number,
        ordinal=len(connection.requests) + 1,
    )
    if interim and (request.header("expect") or "").lower() == "100-continue":
        await connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.body = await read_body(connection, request)
    return request


def split_header(line: bytes) -> tuple[str, str]:
    """Name and value of a header line, with their spelling."""
    name, colon, value = line.decode("latin-1").partition(":")
    if not colon:
        raise Malformed(f"not a header: {line!r}")
    return name, value.strip(" \t")


async def read_body(connection: Connection, request: Request) -> bytes:
    """The body without its framing (RFC 9112 section 6)."""
    coding = (request.header("transfer-encoding") or "").lower()
    if coding == "chunked":
        return await read_chunked(connection)
    if coding:
        raise Malformed(f"transfer coding {coding!r}")
    length = request.header("content-length") or "0"
    if not length.isdecimal():
        raise Malformed(f"content length {length!r}")
    return await connection.exactly(int(length))


async def read_chunked(connection: Connection) -> bytes:
    """A chunked body; chunk extensions and trailers are read and dropped."""
    body = b""
    while size := int((await connection.line()).split(b";")[0], 16):
        body += await connection.exactly(size)
        await connection.line()
    while await connection.line():
        pass
    return body
