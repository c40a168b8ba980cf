"""Bytes of a hostile client on a real socket, and everything that came of them on both sides."""

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.fakes.running_proxy import Backend, RunningProxy, running_proxy, until
from tests.fakes.scripted import Handler
from tests.fakes.scripted_http import Request
from tests.fakes.scripted_replies import chat_reply, json_response

CHAT = "/v1/chat/completions"
OTHER = "/v1/embeddings"
OK = json_response(chat_reply("fine", 3, 0, 1))
BODY = b'{"messages":[{"role":"user","content":"hi"}]}'
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n"
HANG_S = 60.0
"""A guard against hanging, not a claim about speed: all of it takes milliseconds on an idle machine."""

_PATIENCE_S = 1.0  # for requests that never end: then the client leaves


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
    with suppress(ConnectionError, TimeoutError):
        for piece in data:
            writer.write(piece)
            await writer.drain()
        tasks = proxy.server.server_state.tasks
        await until(lambda: reading.done() or bool(received and not tasks), _PATIENCE_S)
    writer.close()
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    with suppress(ConnectionError):
        await writer.wait_closed()
    return bytes(received)


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
