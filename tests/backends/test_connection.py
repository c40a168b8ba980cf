"""The connections of relayed requests: what a failure is called, what is sent again, and what goes out.

tests/server/test_backend_failures.py and test_headers.py tell what clients see of it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from tests.fakes.scripted import Cut, ScriptedBackend, Send, Stall
from tests.fakes.scripted_replies import http_chunk, json_response
from warmprefix.backends.base import Headers
from warmprefix.backends.connection import Connections, translated
from warmprefix.core.errors import BackendError, Disconnected, TimedOut, Unreachable

OK = json_response({"a": 1})
KEY = ConnectionKey("b", 80, False, True, None, None, None)
MANY = b"x" * (3 * 1024 * 1024)

ERRORS: list[tuple[str, Exception, type[BackendError], str]] = [
    ("refused", aiohttp.ClientConnectorError(KEY, OSError(111, "Connection refused")), Unreachable,
     "cannot connect to http://b: Connection refused"),
    ("no-name", aiohttp.ClientConnectorError(KEY, OSError("odd")), Unreachable,
     "cannot connect to http://b: "),
    ("connects-for-ever", aiohttp.ConnectionTimeoutError(), Unreachable,
     "no connection within backend.connect_timeout_s"),
    ("refused-in-python", aiohttp.ClientConnectorError(
        KEY, OSError(111, "Connect call failed ('127.0.0.1', 1)")), Unreachable,
     "cannot connect to http://b: Connection refused"),
    ("closed", aiohttp.ServerDisconnectedError(), Disconnected, "closed the connection: no answer"),
    ("reset", ConnectionResetError("reset"), Disconnected, "closed the connection: reset"),
    ("reset-by-peer", aiohttp.ClientOSError(104, "x"), Disconnected,
     "closed the connection: Connection reset by peer"),
    ("says-nothing", ConnectionError(), Disconnected, "closed the connection: the connection broke"),
    ("payload", aiohttp.ClientPayloadError("not complete: <E: 400, message='x'>"), Disconnected,
     "closed the connection: in the middle of its answer"),
    ("late", TimeoutError(), TimedOut, "http://b did not answer in time"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "ours", "says"), [row[1:] for row in ERRORS], ids=[row[0] for row in ERRORS]
)
def test_an_error_is_called_by_what_it_means(
    error: Exception, ours: type[BackendError], says: str
) -> None:
    with pytest.raises(BackendError) as found, translated("http://b"):
        raise error

    assert found.type is ours
    assert says in str(found.value)
    assert found.value.__cause__ is error


NO_HTTP = [
    pytest.param(b"garbage\r\n\r\n", "did not answer in HTTP: Bad status line", id="no-http"),
    pytest.param(b"HTTP/1.1 200 OK\r\na: " + b"x" * 70_000 + b"\r\n\r\n",
                 "did not answer in HTTP: Got more than 65536 bytes", id="long"),
    pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab",
                 "closed the connection: in the middle of its answer", id="short"),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "says"), NO_HTTP)
async def test_what_a_broken_answer_is_called_has_no_notation_of_python(
    sent: bytes, says: str
) -> None:
    backend = ScriptedBackend()
    backend.then([Send(sent), Cut()])
    async with opened(backend) as connections:
        with pytest.raises(Disconnected) as found:
            await ask(connections)

    assert str(found.value) == f"{backend.url} {says}"


def test_any_other_error_is_left_as_it_is() -> None:
    with pytest.raises(ValueError, match="odd"), translated("http://b"):
        raise ValueError("odd")


@asynccontextmanager
async def opened(
    backend: ScriptedBackend, first_byte_s: float = 0, path: str = ""
) -> AsyncIterator[Connections]:
    async with backend:
        connections = Connections(backend.url + path, 5.0, first_byte_s, 5.0)
        try:
            yield connections
        finally:
            await connections.close()


async def ask(
    connections: Connections,
    method: str = "POST",
    target: bytes = b"/",
    headers: Headers | None = None,
    body: bytes | AsyncIterator[bytes] | None = b"{}",
) -> bytes:
    response = await connections.open(method, target, headers or [], body)
    try:
        return b"".join([piece async for piece in response.pieces()])
    finally:
        response.close()


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_what_a_stale_connection_swallowed_is_sent_once_more(method: str) -> None:
    backend = ScriptedBackend(OK, [Cut()], OK)
    async with opened(backend) as connections:
        await ask(connections)
        assert await ask(connections, method) == b'{"a":1}'

    assert [request.method for request in backend.requests] == ["POST", method, method]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_what_broke_on_a_new_connection_is_not_repeated(method: str) -> None:
    """The backend may have acted on it; aiohttp alone would send GET and DELETE again."""
    backend = ScriptedBackend([Cut()], OK)
    async with opened(backend) as connections:
        with pytest.raises(Disconnected):
            await ask(connections, method)

    assert len(backend.requests) == 1


async def test_it_is_sent_once_more_and_no_oftener() -> None:
    backend = ScriptedBackend(OK, [Cut()], [Cut()], OK)
    async with opened(backend) as connections:
        await ask(connections)
        with pytest.raises(Disconnected):
            await ask(connections)

    assert len(backend.requests) == 3


async def test_a_body_in_pieces_goes_out_on_a_new_connection() -> None:
    """It could not be sent again."""
    backend = ScriptedBackend(OK, OK)
    async with opened(backend) as connections:
        await ask(connections)
        await ask(connections, body=pieces(b"a", b"b"))

    assert backend.connections == 2
    assert [request.body for request in backend.requests] == [b"{}", b"ab"]


async def test_a_backend_that_does_not_begin_to_answer_is_given_up() -> None:
    async with opened(ScriptedBackend([Stall()]), 0.05) as connections:
        with pytest.raises(TimedOut):
            await ask(connections)


async def test_one_that_has_begun_may_take_its_time() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    backend = ScriptedBackend([Send(head), Send(b"a"), Send(b"b")], gap_s=0.1)
    async with opened(backend, 0.15) as connections:
        assert await ask(connections) == b"ab"


BROKEN: list[tuple[str, list[Send | Cut]]] = [
    ("too-short", [Send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"), Cut()]),
    ("no-last-chunk", [
        Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + http_chunk(b"ab")), Cut()]),
    ("broken-chunk-size", [
        Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), Send(b"zz\r\n"), Cut()]),
]  # fmt: skip


@pytest.mark.parametrize("script", [row[1] for row in BROKEN], ids=[row[0] for row in BROKEN])
async def test_a_body_that_ends_too_early_is_no_end(script: list[Send | Cut]) -> None:
    async with opened(ScriptedBackend(script)) as connections, asyncio.timeout(10):
        with pytest.raises(Disconnected):
            await ask(connections)


@pytest.mark.parametrize(
    ("path", "target", "sent"),
    [
        pytest.param("", b"/v1/a?b=c", "/v1/a?b=c", id="path-and-query"),
        pytest.param("/base", b"/v1", "/base/v1", id="behind-a-path"),
        pytest.param("", b"/a%2Fb/../c%20", "/a%2Fb/../c%20", id="as-spelled"),
        pytest.param("", b"*", "/*", id="no-path"),
    ],
)
async def test_a_target_goes_out_as_the_client_wrote_it(
    path: str, target: bytes, sent: str
) -> None:
    backend = ScriptedBackend(OK)
    async with opened(backend, path=path) as connections:
        await ask(connections, "OPTIONS", target, body=None)

    assert [request.target for request in backend.requests] == [sent]


async def test_a_large_body_keeps_its_bytes_and_gets_its_length() -> None:
    backend = ScriptedBackend(OK)
    async with opened(backend) as connections:
        await ask(connections, body=MANY)

    (request,) = backend.requests
    assert request.body == MANY
    assert request.header("content-length") == str(len(MANY))
    assert request.header("transfer-encoding") is None


async def test_a_body_that_is_shorter_than_announced_is_not_sent_to_its_end() -> None:
    """Else the backend would read the next request as the rest."""
    backend = ScriptedBackend(OK)
    async with opened(backend) as connections:
        with pytest.raises(Disconnected):
            await ask(connections, headers=[(b"Content-Length", b"5")], body=pieces(b"abc"))

    assert backend.requests == []


async def test_headers_go_out_as_they_are_and_none_is_added() -> None:
    headers = [(b"x-name", b" caf\xe9 "), (b"x-name", "é".encode())]
    backend = ScriptedBackend(OK)
    async with opened(backend) as connections:
        await ask(connections, headers=headers)

    (request,) = backend.requests
    names = sorted(name.lower() for name, _ in request.headers)
    assert names == ["content-length", "host", "x-name", "x-name"]
