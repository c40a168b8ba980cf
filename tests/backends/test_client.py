"""The client for questions takes nothing from the environment, and no more than it can hold."""

import asyncio
import gzip
import socket
from contextlib import suppress

import httpx
import pytest

from tests.fakes.pages import serving
from tests.fakes.scripted import Send, Wait
from tests.fakes.scripted_replies import json_response
from warmprefix.backends import client as client_module
from warmprefix.backends.client import new_client, reason_of


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens on port 1."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with serving({"/here": {"a": 1}}) as backend, new_client() as client:
        answer = await client.get(f"{backend.url}/here")

    assert answer.json() == {"a": 1}


async def test_a_limit_is_for_questions_that_set_none() -> None:
    async with new_client() as usual, new_client(0.25) as short:
        assert usual.timeout.read == 5.0
        assert (short.timeout.connect, short.timeout.read) == (0.25, 0.25)


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    """A key would go wherever the backend says."""
    moved = json_response({}, 302, [("Location", "/here")])
    async with serving({"/moved": moved, "/here": {}}) as backend, new_client() as client:
        answer = await client.get(f"{backend.url}/moved")

    assert answer.status_code == 302
    assert [request.target for request in backend.requests] == ["/moved"]


async def test_the_reason_of_a_failure_is_in_the_systems_words() -> None:
    async with new_client() as client:
        with pytest.raises(httpx.ConnectError) as raised:
            await client.get("http://127.0.0.1:1")

    assert reason_of(raised.value) == "Connection refused"


def test_a_name_that_is_not_known_is_the_reason() -> None:
    error = httpx.ConnectError("all attempts failed")
    error.__cause__ = socket.gaierror(-2, "Name or service not known")

    assert reason_of(error) == "Name or service not known"


def test_a_failure_without_an_error_of_the_system_says_what_it_says() -> None:
    assert reason_of(httpx.RemoteProtocolError("peer closed")) == "peer closed"
    assert reason_of(httpx.ReadError("")) == "the connection broke"


async def test_an_answer_is_read_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "MOST_BYTES", 1000)
    pages = {"/fits": json_response(b"a" * 1000), "/too-long": json_response(b"a" * 1001)}
    async with serving(pages) as backend, new_client() as client:
        assert len((await client.get(f"{backend.url}/fits")).content) == 1000
        with pytest.raises(httpx.ReadError, match="over 1000 bytes"):
            await client.get(f"{backend.url}/too-long")


async def test_nothing_is_unpacked() -> None:
    """A megabyte may become a gigabyte; so nothing packed is asked for."""
    packed = gzip.compress(b" " * 1000)
    page = json_response(packed, headers=[("Content-Encoding", "gzip")])
    async with serving({"/page": page}) as backend, new_client() as client:
        answer = await client.get(f"{backend.url}/page")

    assert answer.content == packed
    assert backend.requests[0].header("accept-encoding") == "identity"


ENDLESS = {
    "interim": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "body": (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"a"),
}


@pytest.mark.parametrize("kind", ENDLESS)
async def test_an_answer_that_drips_has_the_time_of_its_question(kind: str) -> None:
    first, drop = map(Send, ENDLESS[kind])
    steps = [first, *[drop, Wait(0.05)] * 200]
    async with serving({"/page": steps}) as backend, new_client(0.2) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get(f"{backend.url}/page")


@pytest.mark.parametrize(("drops", "is_answered"), [(1, True), (2, False)])
async def test_a_kept_connection_that_is_closed_is_one_question_more(
    drops: int, is_answered: bool
) -> None:
    """llama-server closes one unannounced after a stream. A new one that is closed too is no answer."""
    served, handlers = 0, list[asyncio.Task[None] | None]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        handlers.append(asyncio.current_task())
        with suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                served += 1
                if 1 < served <= 1 + drops:
                    break
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/slots"
    async with server:
        async with new_client() as client:
            assert (await client.get(url)).text == "ok"
            if is_answered:
                assert (await client.get(url)).text == "ok"
            else:
                with pytest.raises(httpx.RemoteProtocolError):
                    await client.get(url)
        await asyncio.gather(*(task for task in handlers if task is not None))

    assert served == 3
