"""The backend's side of a relayed WebSocket. tests/server/test_websocket.py relays one through the proxy."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import websockets
from websockets.asyncio.server import ServerConnection, serve

from tests.fakes.pages import serving, status
from warmprefix.backends.connection import Connections
from warmprefix.backends.websocket import ABNORMAL, NORMAL, BackendSocket, Closed
from warmprefix.core.errors import Disconnected, RefusedUpgrade

Speak = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def socket_to(
    speak: Speak, protocols: tuple[str, ...] = (), known: list[str] | None = None
) -> AsyncIterator[BackendSocket]:
    """Our side of a WebSocket whose other side speaks so."""
    names = None if known is None else [websockets.Subprotocol(name) for name in known]
    async with serve(speak, "127.0.0.1", 0, subprotocols=names, max_size=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        connections = Connections(f"http://127.0.0.1:{port}", 5.0, 0, 5.0)
        socket = await connections.websocket(b"/", [], protocols)
        try:
            yield socket
        finally:
            await socket.close(Closed(NORMAL))
            await connections.close()


MESSAGES: list[tuple[str, str | bytes]] = [
    ("text", "é"),
    ("empty-text", ""),
    ("binary", b"\x00\xff"),
    ("large", b"x" * (5 * 1024 * 1024)),
]


@pytest.mark.parametrize("message", [row[1] for row in MESSAGES], ids=[row[0] for row in MESSAGES])
async def test_a_message_keeps_its_kind_and_content(message: str | bytes) -> None:
    async def echo(other: ServerConnection) -> None:
        await other.send(await other.recv())
        await other.wait_closed()

    async with socket_to(echo) as socket:
        await socket.send(message)
        assert await socket.receive() == message


CLOSES: list[tuple[str, int, str, Closed]] = [
    ("normal", 1000, "", Closed(1000)),
    ("reason", 1001, "gone away", Closed(1001, "gone away")),
    ("application", 4321, "ours", Closed(4321, "ours")),
]


@pytest.mark.parametrize(
    ("code", "reason", "expected"), [row[1:] for row in CLOSES], ids=[row[0] for row in CLOSES]
)
async def test_how_it_was_closed_is_told(code: int, reason: str, expected: Closed) -> None:
    async def leave(other: ServerConnection) -> None:
        await other.close(code, reason)

    async with socket_to(leave) as socket:
        assert await socket.receive() == expected


async def test_a_connection_that_breaks_off_ends_abnormally() -> None:
    async def cut(other: ServerConnection) -> None:
        other.transport.abort()

    async with socket_to(cut) as socket, asyncio.timeout(10):
        assert await socket.receive() == Closed(ABNORMAL)


async def test_nothing_can_be_sent_once_it_has_ended() -> None:
    async def cut(other: ServerConnection) -> None:
        other.transport.abort()

    async with socket_to(cut) as socket, asyncio.timeout(10):
        await socket.receive()
        for message in ("a", b"a"):
            with pytest.raises(Disconnected):
                await socket.send(message)


async def test_our_close_reaches_the_other_side_with_code_and_reason() -> None:
    seen: asyncio.Queue[tuple[int | None, str | None]] = asyncio.Queue()

    async def wait(other: ServerConnection) -> None:
        await other.wait_closed()
        seen.put_nowait((other.close_code, other.close_reason))

    async with socket_to(wait) as socket, asyncio.timeout(10):
        await socket.close(Closed(4000, "done"))
        assert await seen.get() == (4000, "done")


async def test_the_backend_chooses_the_subprotocol() -> None:
    async def wait(other: ServerConnection) -> None:
        await other.wait_closed()

    async with socket_to(wait, ("a", "b"), ["b"]) as socket:
        assert socket.protocol == "b"
    async with socket_to(wait) as plain:
        assert plain.protocol is None


async def test_a_refused_upgrade_has_its_status() -> None:
    async with serving({"/": status(403)}) as backend:
        connections = Connections(backend.url, 5.0, 0, 5.0)
        with pytest.raises(RefusedUpgrade) as found:
            await connections.websocket(b"/", [], ())
        await connections.close()

    assert found.value.status == 403
