"""Request smuggling: two readers of one connection must not disagree on where a request ends.

Each row is refused before anything reaches the backend, or arrives as exactly the requests the client
declared. Sources: RFC 9112, 6.3 and 11.2; the classes CL.TE, TE.CL, TE.TE and CL.0 of published research.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

import pytest

from tests.security.hostile import BODY, CHAT, HIDDEN, OTHER, chunked, deliver, post
from warmprefix.backends.connection import Connections
from warmprefix.core.errors import Disconnected

LENGTH = b"Content-Length: %d" % len(BODY)
TE = b"Transfer-Encoding: chunked"
SIZE = b"%x" % len(BODY)
REFUSED: tuple[bytes, ...] = ()
ONCE = (BODY,)


@dataclass(frozen=True)
class Row:
    """Header lines and bytes behind them; `bodies` reach the backend, none where it is refused."""

    id: str
    lines: tuple[bytes, ...]
    behind: bytes = BODY
    bodies: tuple[bytes, ...] = REFUSED
    host: bytes = b"Host: localhost"


CONFLICTS = [
    Row("length-then-chunked", (b"Content-Length: 4", TE), b"0\r\n\r\n" + HIDDEN),
    Row("chunked-then-length", (TE, b"Content-Length: 4"), b"0\r\n\r\n" + HIDDEN),
    Row("both-and-agreeing", (LENGTH, TE), chunked(BODY)),
    Row("length-0-and-chunked", (b"Content-Length: 0", TE), chunked(BODY)),
    Row("two-lengths-that-differ", (b"Content-Length: 0", LENGTH), HIDDEN),
    Row("two-lengths-that-differ-reversed", (LENGTH, b"Content-Length: 0"), BODY + HIDDEN),
    Row("two-equal-lengths", (LENGTH, LENGTH), BODY),
    Row("lengths-in-a-list", (LENGTH + b", %d" % len(BODY),), BODY),
    Row("lengths-in-a-list-that-differ", (LENGTH + b", 0",), BODY + HIDDEN),
]
CODINGS = [
    Row("coding-unknown", (b"Transfer-Encoding: xchunked",), chunked(BODY)),
    Row("coding-after-chunked", (b"Transfer-Encoding: chunked, identity",), chunked(BODY)),
    Row("coding-identity", (b"Transfer-Encoding: identity", LENGTH)),
    Row("coding-gzip", (b"Transfer-Encoding: gzip",), chunked(BODY)),
    Row("coding-twice-in-a-list", (b"Transfer-Encoding: chunked, chunked",), chunked(BODY)),
    Row("coding-twice", (TE, TE), chunked(BODY)),
    Row("coding-twice-other-last", (TE, b"Transfer-Encoding: identity"), chunked(BODY)),
    Row("coding-with-a-tab", (b"Transfer-Encoding:\tchunked",), chunked(BODY), ONCE),
    Row("coding-with-a-vertical-tab", (b"Transfer-Encoding:\x0bchunked",), chunked(BODY)),
    Row("coding-quoted", (b'Transfer-Encoding: "chunked"',), chunked(BODY)),
    Row("coding-upper", (b"TRANSFER-ENCODING: CHUNKED",), chunked(BODY), ONCE),
    Row("coding-blank-before-colon", (b"Transfer-Encoding : chunked",), chunked(BODY)),
    Row("coding-blank-before-name", (b"X: 1", b" Transfer-Encoding: chunked"), chunked(BODY)),
    Row("coding-empty", (b"Transfer-Encoding: ", LENGTH)),
    Row("coding-underscore", (b"Transfer_Encoding: chunked", LENGTH), BODY, ONCE),
    Row("coding-trailing-comma", (b"Transfer-Encoding: chunked,",), chunked(BODY)),
    Row("coding-nul", (b"Transfer-Encoding: chunked\0",), chunked(BODY)),
]
LENGTHS = [
    Row(f"length-{name}", (b"Content-Length: " + text,), BODY + HIDDEN)
    for name, text in [
        ("negative", b"-1"),
        ("plus", b"+%d" % len(BODY)),
        ("hex", b"0x2d"),
        ("exponent", b"4e1"),
        ("fraction", b"45.0"),
        ("underscore", b"4_5"),
        ("blank-inside", b"4 5"),
        ("beyond-64-bits", b"18446744073709551661"),
        ("words", b"many"),
        ("quoted", b'"45"'),
        ("other-digits", "٤٥".encode()),
    ]
] + [
    Row("length-leading-zeros", (b"Content-Length: 00%d" % len(BODY),), BODY, ONCE),
    Row("length-blanks-around", (b"Content-Length: \t %d \t" % len(BODY),), BODY, ONCE),
    Row("length-blank-before-colon", (b"Content-Length : %d" % len(BODY),)),
]
LINES = [
    Row("folded-header", (b"X-A: 1", b"\tfolded", LENGTH)),
    Row("folded-length", (b"Content-Length:", b" %d" % len(BODY))),
    Row("line-end-lf", (b"X-A: 1\nContent-Length: 0", LENGTH)),
    Row("line-end-cr", (b"X-A: 1\rContent-Length: 0", LENGTH)),
    Row("nul-in-name", (b"X-\0A: 1", LENGTH)),
    Row("nul-in-value", (b"X-A: \0", LENGTH)),
    Row("cr-in-name", (b"X-\rA: 1", LENGTH)),
    Row("cr-in-value", (b"X-A: 1\r2", LENGTH)),
    Row("no-colon", (b"X-A", LENGTH)),
    Row("empty-name", (b": 1", LENGTH)),
    Row("blank-in-name", (b"X A: 1", LENGTH)),
    Row("name-not-ascii", ("X-Ä: 1".encode(), LENGTH)),
    Row("delete-in-value", (b"X-A: \x7f", LENGTH)),
    Row("control-in-value", (b"X-A: \x01", LENGTH)),
]
CHUNKS = [
    Row("chunk-extension", (TE,), chunked(BODY, SIZE + b";a=b"), ONCE),
    Row("chunk-extension-quoted", (TE,), chunked(BODY, SIZE + b';a="b;c"'), ONCE),
    Row("chunk-extension-lf", (TE,), chunked(BODY, SIZE + b";a\nb")),
    Row("chunk-extension-cr", (TE,), chunked(BODY, SIZE + b";a\rb")),
    Row("chunk-size-0x", (TE,), chunked(BODY, b"0x" + SIZE)),
    Row("chunk-size-plus", (TE,), chunked(BODY, b"+" + SIZE)),
    Row("chunk-size-negative", (TE,), chunked(BODY, b"-" + SIZE)),
    Row("chunk-size-blank-before", (TE,), chunked(BODY, b" " + SIZE)),
    Row("chunk-size-blank-behind", (TE,), chunked(BODY, SIZE + b" ")),
    Row("chunk-size-leading-zeros", (TE,), chunked(BODY, b"000" + SIZE), ONCE),
    Row("chunk-size-beyond-64-bits", (TE,), chunked(BODY, b"1" + b"0" * 15 + SIZE)),
    Row("chunk-size-empty", (TE,), chunked(BODY, b"")),
    Row("chunk-size-too-large", (TE,), chunked(BODY, b"ffff")),
    Row("chunk-size-too-small", (TE,), chunked(BODY, b"1")),
    Row("chunk-line-end-lf", (TE,), chunked(BODY).replace(SIZE + b"\r\n", SIZE + b"\n")),
    Row("chunk-without-line-end", (TE,), SIZE + b"\r\n" + BODY + b"0\r\n\r\n"),
    Row("chunk-with-other-line-end", (TE,), SIZE + b"\r\n" + BODY + b"xx0\r\n\r\n"),
    Row("chunk-trailer", (TE,), chunked(BODY, None, b"0\r\nX-End: 1\r\n\r\n"), ONCE),
    Row("chunk-trailer-length", (TE,), chunked(BODY, None, b"0\r\nContent-Length: 9\r\n\r\n")),
]
HOSTS = [
    Row("host-twice", (b"Host: other.example", LENGTH), BODY, ONCE),
    Row("host-with-a-path", (LENGTH,), BODY, ONCE, b"Host: localhost/v1"),
    Row("host-folded", (LENGTH,), BODY, REFUSED, b"Host: a\r\n b"),
]
PIPELINED = [
    Row("pipelined", (LENGTH,), BODY + HIDDEN, (BODY, b"")),
    Row("pipelined-behind-chunks", (TE,), chunked(BODY) + HIDDEN, (BODY, b"")),
    Row(
        "body-that-looks-like-a-request", (b"Content-Length: %d" % len(HIDDEN),), HIDDEN, (HIDDEN,)
    ),
    Row("chunk-that-looks-like-a-request", (TE,), chunked(HIDDEN), (HIDDEN,)),
    Row("close-and-more", (b"Connection: close", LENGTH), BODY + HIDDEN, ONCE),
    Row("expect-and-more", (b"Expect: 100-continue", LENGTH), BODY + HIDDEN, (BODY, b"")),
]
ROWS = [*CONFLICTS, *CODINGS, *LENGTHS, *LINES, *CHUNKS, *HOSTS, *PIPELINED]


CUT = {"the peer closed inside a request"}
"""A streamed upload that turns out broken on its way is cut; the backend sees no whole request."""


@pytest.mark.parametrize("path", [CHAT, OTHER], ids=["chat", "passthrough"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
async def test_a_request_is_refused_or_arrives_as_declared(row: Row, path: str) -> None:
    seen = await deliver(post(path, *row.lines, body=row.behind, host=row.host))

    assert seen.bodies == list(row.bodies)
    assert set(seen.malformed) <= (CUT if path == OTHER and row.bodies == REFUSED else set())
    assert row.bodies or set(seen.statuses) <= {400}


METHODS = ["CONNECT", "TRACE", "PRI", "get", "G\0T", "POST\tX"]


@pytest.mark.parametrize("path", [CHAT, OTHER, "localhost:80", "*"])
@pytest.mark.parametrize("method", METHODS)
async def test_nothing_hides_behind_an_odd_method(method: str, path: str) -> None:
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    seen = await deliver(head + HIDDEN)

    targets = [request.target for request in seen.requests]
    assert seen.malformed == []
    assert len(targets) <= len(seen.statuses)
    if method == "TRACE":
        assert targets == [path.replace("*", "/*"), "/hidden"][: len(targets)]
    else:
        assert targets == []


@pytest.mark.parametrize("target", [CHAT, OTHER, "*"])
async def test_no_tunnel_is_opened(target: str) -> None:
    """What follows is the tunnel's: nobody reads it as a request, and the connection ends."""
    head = f"CONNECT {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    seen = await deliver(head + HIDDEN)

    assert (seen.requests, seen.malformed, seen.statuses) == ([], [], [405])
    assert b"\r\nallow: GET, HEAD, POST," in seen.received
    assert b"\r\nconnection: close\r\n" in seen.received


PREFACES = [
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00",
    b"\r\n\r\n\0",
    b"POST / HTTP/9.9\r\n\r\n",
]


@pytest.mark.parametrize("preface", PREFACES, ids=["http-2", "tls", "nul", "http-9.9"])
async def test_another_protocol_is_refused(preface: bytes) -> None:
    seen = await deliver(preface + HIDDEN)

    assert (seen.requests, seen.malformed) == ([], [])
    assert seen.statuses == [400]


UPGRADE = (b"Connection: upgrade", b"Upgrade: h2c", LENGTH)


@pytest.mark.parametrize("path", [CHAT, OTHER], ids=["chat", "passthrough"])
async def test_an_upgrade_that_is_not_taken_up_hides_nothing(path: str) -> None:
    """What stands behind the body is the client's own next request, as without the offer."""
    with_offer = await deliver(post(path, *UPGRADE, body=BODY + HIDDEN))
    without = await deliver(post(path, LENGTH, body=BODY + HIDDEN))

    for seen in (with_offer, without):
        assert [request.target for request in seen.requests] == [path, "/hidden"]
        assert seen.bodies[0] == BODY
        assert seen.malformed == []


@pytest.mark.parametrize("path", [CHAT, OTHER], ids=["chat", "passthrough"])
async def test_a_request_that_offers_an_upgrade_keeps_its_body(path: str) -> None:
    """RFC 9110, 7.8: a server may ignore it. Java's HttpClient offers h2c with each request."""
    seen = await deliver(post(path, *UPGRADE, body=BODY))

    assert seen.bodies == [BODY]


class Hasty:
    """A backend that answers a request as soon as it has its head, and keeps the connection."""

    def __init__(self) -> None:
        self.connections: list[bytearray] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection; what came is kept."""
        received = bytearray()
        self.connections.append(received)
        with suppress(ConnectionError):
            while piece := await reader.read(65536):
                received += piece
                if b"\r\n\r\n" in piece:
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()


async def test_a_body_that_never_came_does_not_swallow_the_next_request() -> None:
    """A streamed body that is shorter than announced is a promise unkept: the next request on that
    connection would be read as the rest of it."""

    async def shorter() -> AsyncIterator[bytes]:
        yield BODY[:5]

    hasty = Hasty()
    server = await asyncio.start_server(hasty.serve, "127.0.0.1", 0)
    connections = Connections(
        f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", 5.0, 0.0, 4.0
    )
    length = (b"Content-Length", str(len(BODY)).encode())
    async with server:
        with suppress(Disconnected):
            (await connections.open("POST", b"/x", [length], shorter())).close()
        async for _ in (await connections.open("GET", b"/hidden", [], None)).pieces():
            pass
        await connections.close()

    (first, *_, last) = hasty.connections
    assert first is not last
    assert b"/hidden" not in first
    assert last.startswith(b"GET /hidden HTTP/1.1\r\n")
