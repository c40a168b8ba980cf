"""Connections to a backend without a client library: an asyncio protocol with httptools as its parser. It shows
the least that a client can cost. Only for figures: no time limits, no WebSockets, no retry.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import httptools

from warmprefix.backends.base import Body, Headers, end_to_end
from warmprefix.core.errors import Disconnected, Unreachable


class _Connection(asyncio.Protocol):
    """One connection read by httptools, the parser that the web server uses too."""

    def __init__(self) -> None:
        self.head: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.is_open = True
        self.more: asyncio.Future[None] | None = None
        self.begin()

    def begin(self) -> None:
        """Wait for the next answer."""
        self.parser = httptools.HttpResponseParser(self)
        self.head = asyncio.get_running_loop().create_future()
        self.headers: Headers = []
        self.pieces: list[bytes] = []
        self.is_whole = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(
            asyncio.Transport, transport
        )  # uvloop's transport is one in all but its base class

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        if not self.head.done():
            self.head.set_exception(error or ConnectionResetError("no answer"))
        self._wake()

    def _wake(self) -> None:
        if self.more is not None and not self.more.done():
            self.more.set_result(None)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if not self.head.done():
            self.head.set_result(None)

    def on_body(self, data: bytes) -> None:
        self.pieces.append(data)

    def on_message_complete(self) -> None:
        self.is_whole = True


class RawResponse:
    """An answer read by httptools."""

    def __init__(self, connection: _Connection, free: list[_Connection]) -> None:
        self._connection = connection
        self._free = free
        self.status: int = connection.parser.get_status_code()
        self.headers: Headers = end_to_end(connection.headers)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it arrives; each read is one piece."""
        connection = self._connection
        while True:
            if connection.pieces:
                piece = b"".join(connection.pieces)
                connection.pieces.clear()
                yield piece
            elif connection.is_whole:
                break
            elif not connection.is_open:
                raise Disconnected("the connection was closed")
            else:
                connection.more = asyncio.get_running_loop().create_future()
                await connection.more
        self._free.append(connection)

    def close(self) -> None:
        """Close the connection, unless the answer was read to its end."""
        if not self._connection.is_whole:
            self._connection.transport.close()


class RawConnections:
    """Connections of asyncio with httptools, without a client library: the least that a client can cost."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._host, _, port = url.removeprefix("http://").partition(":")
        self._port = int(port)
        self._free: list[_Connection] = []

    async def open(self, method: str, target: bytes, headers: Headers, body: Body) -> RawResponse:
        """Send a request and wait for the head of the answer."""
        whole = body if isinstance(body, bytes) else b"".join([p async for p in body or _nothing()])
        connection = await self._connection()
        lines = [b"%s: %s\r\n" % pair for pair in headers]
        head = b"%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n%s\r\n"
        host = f"{self._host}:{self._port}".encode()
        written = head % (method.encode(), target, host, len(whole), b"".join(lines))
        connection.transport.writelines([written, whole])
        await connection.head
        return RawResponse(connection, self._free)

    async def _connection(self) -> _Connection:
        while self._free:
            connection = self._free.pop()
            if connection.is_open:
                connection.begin()
                return connection
        loop = asyncio.get_running_loop()
        try:
            _, made = await loop.create_connection(_Connection, self._host, self._port)
        except OSError as error:
            raise Unreachable(str(error)) from error
        return made

    async def close(self) -> None:
        """Close every connection."""
        for connection in self._free:
            connection.transport.close()


async def _nothing() -> AsyncIterator[bytes]:
    for piece in list[bytes]():
        yield piece
