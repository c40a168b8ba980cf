"""The attacks of hostile clients, and requests whose answers are hostile. A process of its own.

`python -m bench.limits.attacks PORT NAME` plays one and prints what came of it as a line of JSON.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field

CHAT = b"/v1/chat/completions"
TEXT = b"/v1/completions"
OTHER = b"/v1/embeddings"
MIB = 1024 * 1024
PATIENCE_S = 30.0


@dataclass(slots=True)
class Result:
    """What came of an attack. `flight_bytes`: what all of it could have in flight at one time, as announced or
    sent."""

    tries: int = 0
    flight_bytes: int = 0
    ends: dict[str, int] = field(default_factory=dict)
    sent_bytes: int = 0
    longest_s: float = 0.0


def post(path: bytes, length: int | None, *more: bytes) -> bytes:
    """The head of a POST; without a length it is chunked."""
    size = b"Transfer-Encoding: chunked" if length is None else b"Content-Length: %d" % length
    lines = [b"POST %b HTTP/1.1" % path, b"Host: localhost", b"Content-Type: application/json"]
    return b"\r\n".join([*lines, size, *more, b"", b""])


def chat(text: bytes, more: bytes = b"") -> bytes:
    """A chat of one message."""
    return b'{"messages":[{"role":"user","content":"' + text + b'"}]' + more + b"}"


async def talk(
    port: int,
    result: Result,
    pieces: AsyncIterator[bytes] | list[bytes],
    patience_s: float = PATIENCE_S,
) -> None:
    """Send on one connection, and note how it ends: the status, or that it was closed, or that nothing came."""
    result.tries += 1
    began_s = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=MIB)
    reading = asyncio.create_task(_ending(reader))
    with suppress(OSError):
        async with asyncio.timeout(patience_s):
            await _send(writer, pieces, result, reading)
    await asyncio.wait({reading}, timeout=max(patience_s - (time.perf_counter() - began_s), 0.1))
    end = "kept open"
    if reading.done():
        end = reading.result()
    reading.cancel()
    result.ends[end] = result.ends.get(end, 0) + 1
    result.longest_s = max(result.longest_s, time.perf_counter() - began_s)
    writer.transport.abort()


async def _send(
    writer: asyncio.StreamWriter,
    pieces: AsyncIterator[bytes] | list[bytes],
    result: Result,
    reading: "asyncio.Task[str]",
) -> None:
    async for piece in _each(pieces):
        view = memoryview(piece)
        for at in range(0, len(view), 256 * 1024):
            if reading.done():
                return
            writer.write(view[at : at + 256 * 1024])
            await writer.drain()
            result.sent_bytes += len(view[at : at + 256 * 1024])


async def _each(pieces: AsyncIterator[bytes] | list[bytes]) -> AsyncIterator[bytes]:
    if isinstance(pieces, list):
        for piece in pieces:
            yield piece
    else:
        async for piece in pieces:
            yield piece


async def _ending(reader: asyncio.StreamReader) -> str:
    """The status, once the whole answer has come or the connection is closed."""
    status = ""
    try:
        line = await reader.readline()
        while b" 100 " in line:
            while (await reader.readline()).strip():
                pass
            line = await reader.readline()
        status = line.split(b" ")[1].decode() if line else ""
        length, is_chunked = 0, False
        while (line := await reader.readline()).strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
            is_chunked = is_chunked or name.lower() == b"transfer-encoding"
        if is_chunked:
            while await reader.read(MIB):
                pass
        else:
            await reader.readexactly(length)
    except (ConnectionError, asyncio.IncompleteReadError):
        return f"{status} closed".strip()
    return status or "closed"


def one(
    *pieces: bytes, count: int = 1, patience_s: float = PATIENCE_S
) -> Callable[[int], Awaitable[Result]]:
    """The same bytes on `count` connections at once."""

    async def run(port: int) -> Result:
        result = Result(flight_bytes=count * sum(map(len, pieces)))
        await asyncio.gather(*(talk(port, result, list(pieces), patience_s) for _ in range(count)))
        return result

    return run


def body(
    data: bytes, path: bytes = CHAT, count: int = 1, *more: bytes
) -> Callable[[int], Awaitable[Result]]:
    """A body of these bytes."""
    return one(post(path, len(data), b"X-Fault: fine", *more), data, count=count)


def faulty(fault: str, path: bytes = CHAT, more: bytes = b"") -> Callable[[int], Awaitable[Result]]:
    """A request whose answer is this fault."""
    data = chat(b"hi", more)
    return one(post(path, len(data), b"X-Fault: " + fault.encode()), data)


async def nothing(port: int) -> Result:
    """Only the proxy's own questions, for some seconds."""
    del port
    await asyncio.sleep(8.0)
    return Result()


TOOLS = b',"tools":[{"type":"function","function":{"name":"f","parameters":{}}}]'


def many_tools(count: int) -> bytes:
    """A chat with so many tools."""
    tools = b",".join(
        b'{"type":"function","function":{"name":"tool_%d","description":"It does what it says.",'
        b'"parameters":{"type":"object","properties":{"path":{"type":"string"}}}}}' % n
        for n in range(count)
    )
    return chat(b"hi", b',"tools":[' + tools + b"]")


def many_messages(count: int, size: int) -> bytes:
    """A chat of so many messages."""
    text = b"Please look at this. " * (size // 21)
    messages = b",".join(
        b'{"role":"%b","content":"%d %b"}' % (b"user" if n % 2 == 0 else b"assistant", n, text)
        for n in range(count)
    )
    return b'{"messages":[' + messages + b"]}"


def picture(size: int) -> bytes:
    """A chat with a picture of so many bytes."""
    url = b"data:image/png;base64," + b"iVBORw0KGgoAAAANSUhEUgAA" * (size // 24)
    return (
        b'{"messages":[{"role":"user","content":[{"type":"text","text":"What is it?"},'
        b'{"type":"image_url","image_url":{"url":"' + url + b'"}}]}]}'
    )


def words(size: int) -> bytes:
    """Text of so many bytes."""
    return b"Please look at this file and say what it does. " * (size // 47)


def silence(head: bytes) -> Callable[[int], Awaitable[Result]]:
    """So much of a request, and no more."""
    return one(head, count=200)


ATTACKS: Mapping[str, Callable[[], Callable[[int], Awaitable[Result]]]] = {
    "nothing": lambda: nothing,
    "first message of 7 MB": lambda: body(chat(words(7_000_000))),
    "first message of 95 MB": lambda: body(chat(words(95_000_000))),
    "six first messages of 95 MB": lambda: body(chat(words(95_000_000)), CHAT, 6),
    "six pictures of 15 MB": lambda: body(picture(15_000_000), CHAT, 6),
    "a picture of 90 MB": lambda: body(picture(90_000_000)),
    "a picture of 90 MB, blanks": lambda: body(picture(90_000_000).replace(b'":', b'": ')),
    "a plain prompt of 7 MB": lambda: body(b'{"prompt":"' + words(7_000_000) + b'"}', TEXT),
    "10,000 messages, 7 MB": lambda: body(many_messages(10_000, 700)),
    "50,000 tools": lambda: body(many_tools(50_000)),
    "1,000 messages, 7 MB": lambda: body(many_messages(1000, 7000)),
    "50,000 messages, 7 MB": lambda: body(many_messages(50_000, 100)),
    "six uploads of 95 MB": lambda: body(words(95_000_000), OTHER, 6),
    "one header of 40 MB": lambda: one(
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ", b"a" * 40 * MIB
    ),
    "40 MB of header lines": lambda: one(
        b"GET / HTTP/1.1\r\nHost: localhost\r\n", b"X-One: 1\r\n" * 4 * MIB
    ),
    "a target of 40 MB": lambda: one(b"GET /", b"a" * 40 * MIB),
    "200 half heads": lambda: silence(b"GET / HTTP/1.1\r\nHost: local"),
    "200 silent connections": lambda: silence(b""),
    "200 half bodies": lambda: silence(post(CHAT, 1000) + b'{"messages":'),
    "1 GB announced": lambda: one(post(CHAT, 1 << 30), *[b" " * MIB] * 1024),
    "1 GB announced, 100-continue": lambda: one(post(CHAT, 1 << 30, b"Expect: 100-continue")),
    "1 GB in chunks": lambda: one(post(CHAT, None), *[b"100000\r\n" + b" " * MIB + b"\r\n"] * 1024),
    "an event without end": lambda: faulty("event_without_end"),
    "an event of endless lines": lambda: faulty("lines_without_end"),
    "events without end": lambda: faulty("events_without_end"),
    "events without end, tools": lambda: faulty("events_without_end", more=TOOLS),
    "an event without end, tools": lambda: faulty("event_without_end", more=TOOLS),
    "a reply without end": lambda: faulty("reply_without_end"),
    "a reply without end, tools": lambda: faulty("reply_without_end", more=TOOLS),
    "an error without end": lambda: faulty("error_without_end", b"/v1/messages"),
    "an answer without end, passed on": lambda: faulty("reply_without_end", OTHER),
    "1xx without end": lambda: faulty("interim_flood"),
    "headers without end": lambda: faulty("headers_without_end"),
    "one header without end": lambda: faulty("header_without_end"),
    "questions: bomb": lambda: nothing,
    "questions: reply_without_end": lambda: nothing,
    "questions: interim_flood": lambda: nothing,
    "questions: headers_without_end": lambda: nothing,
    "questions: header_without_end": lambda: nothing,
}


def main(port: int, name: str) -> None:
    """Play one attack."""
    result = asyncio.run(_timed(port, name))
    print(json.dumps(asdict(result)), flush=True)


async def _timed(port: int, name: str) -> Result:
    return await ATTACKS[name]()(port)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
