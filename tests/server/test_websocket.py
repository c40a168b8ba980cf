"""WebSockets are relayed message by message: contents, subprotocol, refusals and close codes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from http import HTTPStatus

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from tests.fakes.lemonade import LemonadeDouble, LemonadeOptions
from tests.fakes.raw_client import raw_client
from tests.fakes.running_proxy import DEADLINE_S, Backend, running_proxy
from tests.fakes.scripted import Cut, Send, Stall

LEMONADE = {"kind": "lemonade"}
MESSAGES: list[str | bytes] = ["hello", b"\x00\xff", "", b"", "é\U0001f600\u2028", "x" * 900_000]
SMALL_BYTES = 1000
NAMES = ["text", "binary", "empty-text", "empty-binary", "unicode", "large"]


def ws(url: str, target: str = "/logs/stream") -> str:
    """The WebSocket address of an HTTP one."""
    return url.replace("http", "ws", 1) + target


@pytest.mark.parametrize("message", MESSAGES, ids=NAMES)
async def test_a_message_comes_back_from_lemonade_as_it_was(message: str | bytes) -> None:
    async with (
        LemonadeDouble() as lemonade,
        running_proxy(lemonade.url, backend=LEMONADE) as proxy,
        connect(ws(proxy.url), max_size=None) as socket,
        asyncio.timeout(DEADLINE_S),
    ):
        await socket.send(message)
        assert await socket.recv() == message


async def test_a_message_in_fragments_arrives_whole() -> None:
    async with (
        LemonadeDouble() as lemonade,
        running_proxy(lemonade.url, backend=LEMONADE) as proxy,
        connect(ws(proxy.url)) as socket,
        asyncio.timeout(DEADLINE_S),
    ):
        await socket.send(["a", "bé", "c"])
        assert await socket.recv() == "abéc"


async def test_many_messages_keep_their_order() -> None:
    async with (
        LemonadeDouble() as lemonade,
        running_proxy(lemonade.url, backend=LEMONADE) as proxy,
        connect(ws(proxy.url)) as socket,
        asyncio.timeout(DEADLINE_S),
    ):
        for number in range(100):
            await socket.send(str(number))
        assert [await socket.recv() for _ in range(100)] == [str(n) for n in range(100)]


async def test_path_query_and_headers_reach_the_backend_without_origin() -> None:
    """Lemonade answers a foreign Origin with 403."""
    async with (
        LemonadeDouble() as lemonade,
        running_proxy(lemonade.url, backend=LEMONADE) as proxy,
        connect(
            ws(proxy.url, "/realtime?model=a%20b"),
            origin="http://localhost:3000",  # type: ignore[arg-type]  # a NewType of str
            additional_headers={"X-Session-Id": "s", "Authorization": "Bearer k"},
        ) as socket,
        asyncio.timeout(DEADLINE_S),
    ):
        await socket.send("x")
        await socket.recv()

    request = lemonade.requests[-1]
    assert request.target == "/realtime?model=a%20b"
    assert request.header("origin") is None
    assert request.header("x-session-id") == "s"
    assert request.header("authorization") == "Bearer k"
    assert request.header("host") == lemonade.url.removeprefix("http://")


Talk = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def speaking(talk: Talk, **options: object) -> AsyncIterator[str]:
    """The address of a backend that says this on every WebSocket."""
    async with serve(talk, "127.0.0.1", 0, **options) as server:  # type: ignore[arg-type] # passed on
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"http://127.0.0.1:{port}"


@contextmanager
def closed_by_peer() -> Iterator[list[tuple[int, str]]]:
    """Code and reason of the close that ends the block."""
    codes: list[tuple[int, str]] = []
    try:
        yield codes
    except ConnectionClosed as closed:
        codes.append((closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, ""))


async def echo(socket: ServerConnection) -> None:
    """Says everything again."""
    async for message in socket:
        await socket.send(message)


@pytest.mark.parametrize(
    "message", ["x" * 20_000_000, b"\x01" * 20_000_000], ids=["text", "binary"]
)
async def test_a_message_of_twenty_megabytes_passes(message: str | bytes) -> None:
    async with (
        speaking(echo, max_size=None) as url,
        running_proxy(url) as proxy,
        connect(ws(proxy.url), max_size=None, compression=None) as socket,
        asyncio.timeout(DEADLINE_S),
    ):
        await socket.send(message)
        assert await socket.recv() == message


async def says_too_much(socket: ServerConnection) -> None:
    """Says more in one message than is relayed."""
    await socket.send(bytes(SMALL_BYTES + 1))
    await socket.wait_closed()


@pytest.mark.parametrize("is_from_client", [True, False])
async def test_a_message_that_is_too_long_ends_both_sides(
    is_from_client: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("backends.connection", "server.run"):
        monkeypatch.setattr(f"warmprefix.{module}.MOST_MESSAGE_BYTES", SMALL_BYTES)
    closed: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    async def speak(socket: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await (echo if is_from_client else says_too_much)(socket)
        await socket.wait_closed()
        closed.set_result(socket.close_code)

    async with (
        asyncio.timeout(DEADLINE_S),
        speaking(speak, max_size=None) as url,
        running_proxy(url) as proxy,
        connect(ws(proxy.url), max_size=None, compression=None) as socket,
    ):
        if is_from_client:
            await socket.send(bytes(SMALL_BYTES // 2))
            assert await socket.recv() == bytes(SMALL_BYTES // 2)
            await socket.send(bytes(SMALL_BYTES + 1))
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert (socket.close_code, await closed) == (1009, 1009)


@pytest.mark.parametrize(
    ("code", "reason"),
    [(1000, ""), (1000, "bye"), (1001, "going"), (1011, "oops"), (3000, ""), (4001, "mine é")],
)
async def test_a_close_of_the_backend_reaches_the_client(code: int, reason: str) -> None:
    async def talk(socket: ServerConnection) -> None:
        await socket.send("last words")
        await socket.close(code, reason)

    async with (
        speaking(talk) as url,
        running_proxy(url) as proxy,
        connect(ws(proxy.url)) as socket,
        asyncio.timeout(DEADLINE_S),
    ):
        assert await socket.recv() == "last words"
        with closed_by_peer() as codes:
            await socket.recv()

    assert codes == [(code, reason)]


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "bye"), (4002, "mine é")])
async def test_a_close_of_the_client_reaches_the_backend(code: int, reason: str) -> None:
    ended: asyncio.Queue[tuple[int, str]] = asyncio.Queue()

    async def talk(socket: ServerConnection) -> None:
        with closed_by_peer() as codes:
            await socket.recv()
        await ended.put(codes[0])

    async with (
        speaking(talk) as url,
        running_proxy(url) as proxy,
        connect(ws(proxy.url)) as socket,
        asyncio.timeout(DEADLINE_S),
    ):
        await socket.close(code, reason)
        assert await ended.get() == (code, reason)


async def test_a_close_without_a_code_gets_one() -> None:
    """1005 says that there was none; it must not be sent."""
    ended: asyncio.Queue[tuple[int, str]] = asyncio.Queue()

    async def talk(socket: ServerConnection) -> None:
        with closed_by_peer() as codes:
            await socket.recv()
        await ended.put(codes[0])

    async with (
        speaking(talk) as url,
        running_proxy(url) as proxy,
        raw_client(proxy.url) as client,
        asyncio.timeout(DEADLINE_S),
    ):
        await client.send(HANDSHAKE)
        await client.head()
        await client.send(b"\x88\x80\x00\x00\x00\x00")
        assert await ended.get() == (1001, "")


HANDSHAKE = (
    b"GET /logs/stream HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
async def test_a_client_that_vanishes_closes_the_backends_side(
    reset: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a close frame; even while the backend is sending."""
    ended = asyncio.Event()

    async def talk(socket: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            while True:
                await socket.send("more")
                await asyncio.sleep(0)
        ended.set()

    async with (
        speaking(talk) as url,
        running_proxy(url) as proxy,
        raw_client(proxy.url) as client,
        asyncio.timeout(DEADLINE_S),
    ):
        await client.send(HANDSHAKE)
        await client.head()
        await client.exactly(6)
        client.close(reset=reset)
        await ended.wait()
        await proxy.records()

    assert proxy.app.tasks.failed == 0
    assert caplog.text == ""


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
async def test_a_backend_that_vanishes_ends_the_clients_side(
    reset: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """With a code that may be sent; 1006 may not."""

    async def talk(socket: ServerConnection) -> None:
        if reset:
            socket.transport.abort()
        else:
            socket.transport.close()

    async with (
        speaking(talk) as url,
        running_proxy(url) as proxy,
        connect(ws(proxy.url)) as socket,
        asyncio.timeout(DEADLINE_S),
    ):
        with closed_by_peer() as codes:
            await socket.recv()

    assert codes == [(1014, "")]
    assert proxy.app.tasks.failed == 0
    assert caplog.text == ""


async def test_the_subprotocol_is_the_backends_choice() -> None:
    async def talk(socket: ServerConnection) -> None:
        await socket.send(str(socket.subprotocol))

    async with (
        speaking(talk, subprotocols=[Subprotocol("b"), Subprotocol("c")]) as url,
        running_proxy(url) as proxy,
        asyncio.timeout(DEADLINE_S),
    ):
        wanted = [Subprotocol(name) for name in ("a", "b", "c")]
        async with connect(ws(proxy.url), subprotocols=wanted) as socket:
            assert await socket.recv() == socket.subprotocol == "b"


@pytest.mark.parametrize("status", [401, 403, 404, 503])
async def test_a_refused_upgrade_keeps_its_status(status: int) -> None:
    def refuse(socket: ServerConnection, _: Request) -> Response:
        return socket.respond(HTTPStatus(status), "no\n")

    async def talk(_: ServerConnection) -> None:
        raise AssertionError("never opened")

    async with speaking(talk, process_request=refuse) as url, running_proxy(url) as proxy:
        with pytest.raises(InvalidStatus) as refused:
            await connect(ws(proxy.url))

    assert refused.value.response.status_code == status
    assert proxy.app.tasks.failed == 0


async def test_a_backend_that_is_down_refuses_the_upgrade_with_502() -> None:
    async with Backend() as backend:
        url = backend.url
    async with running_proxy(url) as proxy:
        with pytest.raises(InvalidStatus) as refused:
            await connect(ws(proxy.url))

    assert refused.value.response.status_code == 502


@pytest.mark.parametrize("script", [[Cut()], [Send(b"hello\r\n\r\n"), Cut()]], ids=["cut", "noise"])
async def test_a_backend_that_breaks_off_the_upgrade_is_a_502(script: list[Send | Cut]) -> None:
    async with Backend(script) as backend, running_proxy(backend.url) as proxy:
        with pytest.raises(InvalidStatus) as refused:
            await connect(ws(proxy.url))

    assert refused.value.response.status_code == 502


async def test_a_client_that_leaves_during_the_upgrade_is_forgotten() -> None:
    async with (
        Backend([Stall()]) as backend,
        running_proxy(backend.url) as proxy,
        raw_client(proxy.url) as client,
        asyncio.timeout(DEADLINE_S),
    ):
        await client.send(HANDSHAKE)
        request = await backend.received(1)
        client.close()
        await request.client_gone.wait()


async def test_a_key_is_asked_for_here_too() -> None:
    async with (
        LemonadeDouble(LemonadeOptions(api_key="k")) as lemonade,
        running_proxy(lemonade.url, backend=LEMONADE, server={"api_key": "k"}) as proxy,
    ):
        with pytest.raises(InvalidStatus) as refused:
            await connect(ws(proxy.url))
        bearer = {"Authorization": "Bearer k"}
        async with connect(ws(proxy.url), additional_headers=bearer) as socket:
            await socket.send("x")
            assert await socket.recv() == "x"

    assert refused.value.response.status_code in (401, 403)


async def test_a_reader_that_does_not_read_slows_the_backend_down() -> None:
    """Of 100 messages of a megabyte no more is sent than the sockets hold; then all of them arrive."""
    sent = 0

    async def talk(socket: ServerConnection) -> None:
        nonlocal sent
        for number in range(1, 101):
            sent = number
            await socket.send(b"z" * 1_000_000)
        await socket.close()

    async with (
        speaking(talk, compression=None) as url,
        running_proxy(url) as proxy,
        connect(ws(proxy.url), max_size=None, max_queue=1, compression=None) as socket,
        asyncio.timeout(DEADLINE_S),
    ):
        await socket.recv()
        last, same = 0, 0
        while same < 20:
            await asyncio.sleep(0.005)
            last, same = (sent, same + 1) if sent == last else (sent, 0)
        size = 1_000_000 + sum([len(message) async for message in socket])

    assert last <= 30
    assert size == 100_000_000


async def test_a_backend_whose_kind_cannot_be_told_gets_the_client_as_it_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def boom(_: object) -> None:
        raise KeyError("injected")

    monkeypatch.setattr("warmprefix.backends.known.KnownBackend.kind", boom)
    async with (
        LemonadeDouble() as lemonade,
        running_proxy(lemonade.url, backend=LEMONADE) as proxy,
        connect(ws(proxy.url)) as socket,
        asyncio.timeout(DEADLINE_S),
    ):
        await socket.send("hello")
        assert await socket.recv() == "hello"

    assert "backend-facts failed" in caplog.text
