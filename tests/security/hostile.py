"""Bytes of a hostile client on a real socket, and everything that came of them on both sides."""

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.fakes.running_proxy import TICK_S, Backend, RunningProxy, running_proxy
from tests.fakes.scripted import Handler
from tests.fakes.scripted_http import Request
from tests.fakes.scripted_replies import chat_reply, json_response

CHAT = "/v1/chat/completions"
OTHER = "/v1/embeddings"
OK = json_response(chat_reply("fine", 3, 0, 1))
BODY = b'{"messages":[{"role":"user","content":"hi"}]}'
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n"
HANG_S = 110.0
"""A guard against hanging, not a claim about speed: all of it takes milliseconds on an idle machine."""

_PATIENCE_TICKS = 400
"""For requests that never end: then the client leaves. Ticks, for client, proxy and backend share one loop: on
a busy machine all of them are late together, and none is given up."""


@dataclass(frozen=True)
class Seen:
    """What reached the backend, and what the client read."""

    requests: list[Request]
    malformed: list[str]
    received: bytes

    @property
    def bodies(self) -> list[bytes]:
        """The bodies that reached the backend."""
        return [request.body for request in self.requests]

    @property
    def statuses(self) -> list[int]:
        """The statuses that the client read."""
        lines: list[bytes] = re.findall(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n", self.received)
        return [int(status) for status in lines if status != b"100"]


async def deliver(*data: bytes, answer: Handler = OK, **settings: Any) -> Seen:
    """The client sends these bytes on one connection, each as one arrival, and reads to the end."""
    async with (
        Backend(otherwise=answer) as backend,
        running_proxy(backend.url, **settings) as proxy,
    ):
        received = await talk(proxy, *data)
        await proxy.records()
    return Seen(backend.requests, backend.malformed, received)


async def talk(proxy: RunningProxy, *data: bytes) -> bytes:
    """Send, and read until all is answered, the proxy closes, or nothing more comes."""
    parts = urlsplit(proxy.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    received = bytearray()
    reading = asyncio.create_task(_collect(reader, received))
    with suppress(OSError):  # the proxy may have closed
        for piece in data:
            writer.write(piece)
            await writer.drain()
        if await _is_answered(proxy, reading, received):
            writer.write_eof()  # then the proxy closes, and what it has sent is read to its end
            await asyncio.wait({reading}, timeout=HANG_S)
    writer.close()
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    with suppress(ConnectionError):
        await writer.wait_closed()
    return bytes(received)


async def _is_answered(
    proxy: RunningProxy, reading: "asyncio.Task[None]", received: bytearray
) -> bool:
    """Whether something has come and nothing is being answered any more, before patience ends."""
    tasks = proxy.server.server_state.tasks
    for _ in range(_PATIENCE_TICKS):
        if reading.done() or (received and not tasks):
            return True
        await asyncio.sleep(TICK_S)
    return False


async def _collect(reader: asyncio.StreamReader, received: bytearray) -> None:
    with suppress(ConnectionError):
        while piece := await reader.read(65536):
            received += piece


def post(path: str, *lines: bytes, body: bytes = b"", host: bytes = b"Host: localhost") -> bytes:
    """A POST with exactly these header lines behind `Host`, and these bytes behind the head."""
    first = b"POST %b HTTP/1.1" % path.encode("latin-1")
    return b"\r\n".join([first, host, *lines, b"", b""]) + body


def chunked(body: bytes, size: bytes | None = None, end: bytes = b"0\r\n\r\n") -> bytes:
    """`body` as one chunk, whose size may be spelled by hand."""
    return (b"%x" % len(body) if size is None else size) + b"\r\n" + body + b"\r\n" + end
