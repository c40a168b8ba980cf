"""A backend that answers as it should, or as a hostile or broken one might. A process of its own.

`python -m bench.limits.backend PORT FAULT`. A relayed request names what it gets in `X-Fault`; FAULT is what
the proxy's own questions get.
"""

import asyncio
import sys
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress

from tests.fakes.scripted_http import Connection, Malformed, read_request
from tests.fakes.scripted_replies import chat_reply, dump, head, http_chunk

PIECE_BYTES = 64 * 1024
MOST_BYTES = 1 << 30
"""Nothing without end goes on longer than this: a proxy that collects it would take the machine's memory."""
_SSE = ("Content-Type", "text/event-stream")
_JSON = ("Content-Type", "application/json")
_CHUNKED = ("Transfer-Encoding", "chunked")
_OK = dump(chat_reply("fine", 3, 0, 1))
_FILLING = b"a" * PIECE_BYTES

Fault = Callable[[], AsyncIterator[bytes]]


def _fine(body: bytes = _OK, status: int = 200) -> bytes:
    return head(status, [_JSON, ("Content-Length", str(len(body)))]) + body


async def _endless(
    kind: tuple[str, str], begin: bytes, piece: bytes, status: int = 200
) -> AsyncIterator[bytes]:
    yield head(status, [kind, _CHUNKED])
    if begin:
        yield http_chunk(begin)
    wire = http_chunk(piece)
    for _ in range(MOST_BYTES // len(piece)):
        yield wire


def event_without_end() -> AsyncIterator[bytes]:
    """One event of a stream."""
    return _endless(_SSE, b'data: {"choices":[{"delta":{"content":"', _FILLING)


def lines_without_end() -> AsyncIterator[bytes]:
    """One event of endlessly many lines."""
    return _endless(_SSE, b"", b"data: aaaaaaaa\n" * (PIECE_BYTES // 15))


def events_without_end() -> AsyncIterator[bytes]:
    """Events that never stop."""
    event = b'data: {"choices":[{"index":0,"delta":{"content":"' + b"a" * 4000 + b'"}}]}\n\n'
    return _endless(_SSE, b"", event * 16)


def reply_without_end() -> AsyncIterator[bytes]:
    """A reply that is not streamed."""
    return _endless(_JSON, b'{"choices":[{"message":{"content":"', _FILLING)


def error_without_end() -> AsyncIterator[bytes]:
    """An error whose body never ends."""
    return _endless(_JSON, b'{"error":{"message":"', _FILLING, 400)


async def interim_flood() -> AsyncIterator[bytes]:
    """Informational answers that never stop."""
    wire = b"HTTP/1.1 103 Early Hints\r\n\r\n" * 2000
    for _ in range(MOST_BYTES // len(wire)):
        yield wire


async def headers_without_end() -> AsyncIterator[bytes]:
    """Header lines that never stop."""
    yield b"HTTP/1.1 200 OK\r\n"
    for at in range(MOST_BYTES // PIECE_BYTES):
        yield b"".join(b"X-%d-%d: %s\r\n" % (at, n, b"a" * 40) for n in range(1200))


async def header_without_end() -> AsyncIterator[bytes]:
    """One header that never ends."""
    yield b"HTTP/1.1 200 OK\r\nX-Long: "
    for _ in range(MOST_BYTES // PIECE_BYTES):
        yield _FILLING


async def bomb() -> AsyncIterator[bytes]:
    """A gzip body of some megabytes that is a gigabyte of blanks."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    body = b"".join(packer.compress(b" " * (1 << 20)) for _ in range(1024)) + packer.flush()
    yield (
        head(200, [_JSON, ("Content-Encoding", "gzip"), ("Content-Length", str(len(body)))]) + body
    )


async def fine() -> AsyncIterator[bytes]:
    """What llama-server would answer to a chat."""
    yield _fine()


FAULTS: Mapping[str, Fault] = {
    fault.__name__: fault
    for fault in (
        fine,
        event_without_end,
        lines_without_end,
        events_without_end,
        reply_without_end,
        error_without_end,
        interim_flood,
        headers_without_end,
        header_without_end,
        bomb,
    )
}


async def serve(fault: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection."""
    connection = Connection(reader, writer, 0)
    with suppress(Malformed, ConnectionError):
        while connection.buffer or await connection.fill():
            request = await read_request(connection)
            named = request.header("x-fault")
            if named is None and fault == "fine":
                await connection.send(_fine(b"{}", 404))
                continue
            async for piece in FAULTS[named or fault]():
                await connection.send(piece)
    connection.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def main(port: int, fault: str) -> None:
    """Serve until the process is ended."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve(fault, reader, writer)

    server = await asyncio.start_server(answer, "127.0.0.1", port, backlog=512)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
