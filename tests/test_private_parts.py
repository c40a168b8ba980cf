"""The parts of aiohttp and uvicorn that they promise to nobody, and which file of ours needs each.

pyproject.toml lets no version in that these tests have not seen. A failure here says what to look at
before its bound is raised.
"""

import asyncio
import inspect
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvicorn
from packaging.requirements import Requirement
from uvicorn.server import ServerState

from tests.fakes.running_proxy import Backend
from tests.fakes.scripted import Stall, Step
from tests.fakes.scripted_replies import chat_stream, json_response, stream_response
from warmprefix.backends.pool import Link, Pool
from warmprefix.server.protocol import HeaderName, Protocol

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))


@pytest.mark.parametrize("name", ["aiohttp", "uvicorn"])
def test_no_version_that_was_not_tried_is_let_in(name: str) -> None:
    requirements = map(Requirement, PROJECT["project"]["dependencies"])
    allowed = next(found.specifier for found in requirements if found.name == name)
    major, minor, *_ = map(int, version(name).split("."))

    assert allowed.contains(version(name))
    assert not allowed.contains(f"{major}.{minor + 1}.0")


async def test_aiohttp_lets_the_pool_make_and_watch_its_connections() -> None:
    stream = [*stream_response(chat_stream(["hi"])[:1], finish=False), Stall()]
    async with (
        Backend(stream) as backend,
        aiohttp.ClientSession(connector=Pool(5)) as session,
        session.get(backend.url) as response,
    ):
        assert response.connection is not None, (
            "backends/connection.py: `ClientResponse.connection`"
        )
        link = response.connection.protocol

        assert isinstance(link, Link), "backends/pool.py: `TCPConnector._factory` makes nothing"
        assert link.requests == 1, "backends/pool.py: `TCPConnector.connect` takes no connection"
        assert not link.is_silent, "backends/pool.py: `ResponseHandler.data_received` gets no bytes"
        assert isinstance(link.closed, asyncio.Future), "backends/connection.py: `closed`"
        assert not link.closed.done(), "backends/connection.py: `closed` is done while it is open"


ANSWERS = [
    pytest.param(json_response({}), True, id="whole"),
    pytest.param(stream_response(chat_stream(["hi"])), False, id="stream"),
]


@pytest.mark.parametrize(("answer", "is_kept"), ANSWERS)
async def test_aiohttp_lets_the_pool_say_which_connections_are_kept(
    answer: list[Step], is_kept: bool
) -> None:
    async with (
        Backend(otherwise=answer) as backend,
        aiohttp.ClientSession(connector=Pool(5)) as session,
    ):
        for _ in range(2):
            async with session.get(backend.url) as response:
                await response.read()

    first, second = (request.connection for request in backend.requests)
    assert (first is second) == is_kept, "backends/pool.py: `feed_data`, `force_close`"


class Wire(asyncio.Transport):
    """A connection that goes nowhere. `written`: what was to be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        self.written += data

    def pause_reading(self) -> None:
        """Nothing comes by itself."""

    def resume_reading(self) -> None:
        """Nothing comes by itself."""


def cycle_of(protocol: Protocol) -> Any:
    return protocol.cycle


async def test_uvicorn_shows_its_protocol_every_byte_and_whether_a_request_runs() -> None:
    go_on = asyncio.Event()
    bodies: list[bytes] = []

    async def app(_: Any, receive: Any, send: Any) -> None:
        bodies.append((await receive())["body"])
        await go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    config = uvicorn.Config(app, http=Protocol, ws="websockets-sansio", lifespan="off")
    config.load()
    state = ServerState()
    protocol = Protocol(config, state, {})
    protocol.connection_made(Wire())
    assert cycle_of(protocol) is None, "server/protocol.py: `cycle` before the first request"

    protocol.data_received(
        b"POST / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
        b"Content-Length: 2\r\n\r\nhi"
    )
    assert cycle_of(protocol).response_complete is False, "server/protocol.py: `response_complete`"
    assert len(state.tasks) == 1, "server/run.py: `server_state.tasks` holds what runs"
    go_on.set()
    await asyncio.gather(*state.tasks)

    assert bodies == [b"hi"], "server/protocol.py: `data_received` sees the head before the parser"
    assert cycle_of(protocol).response_complete is True, "server/protocol.py: `response_complete`"


async def test_uvicorn_writes_what_the_name_of_a_header_is_in_lower_case() -> None:
    """And finds the length in it, as it compares with names in lower case."""
    length = HeaderName(b"Content-Length")

    async def app(_: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": [(length, b"2")]})
        await send({"type": "http.response.body", "body": b"hi"})

    config = uvicorn.Config(app, http=Protocol, lifespan="off")
    config.load()
    state, wire = ServerState(), Wire()
    protocol = Protocol(config, state, {})
    protocol.connection_made(wire)
    protocol.data_received(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    await asyncio.gather(*state.tasks)

    assert bytes(wire.written) == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", (
        "server/protocol.py: `HeaderName.lower`, `HeaderName.__eq__`"
    )


def test_uvicorn_stops_as_the_server_says() -> None:
    server = uvicorn.Server(uvicorn.Config(lambda: None))

    assert (server.should_exit, server.force_exit) == (False, False), "server/run.py: both flags"
    assert [*inspect.signature(server.handle_exit).parameters] == ["sig", "frame"], "server/run.py"
    assert [*inspect.signature(server.shutdown).parameters] == ["sockets"], "server/run.py"
    assert "self.handle_exit" in inspect.getsource(uvicorn.Server.capture_signals), "server/run.py"
