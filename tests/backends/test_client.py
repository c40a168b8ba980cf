"""The client for questions takes nothing from the environment, and no more than it can hold."""

import asyncio
import gzip
from contextlib import suppress
from math import inf

import httpx
import pytest

from tests.fakes.pages import serving
from tests.fakes.scripted import Send, Wait
from tests.fakes.scripted_replies import json_response
from warmprefix.backends import client as client_module
from warmprefix.backends.client import Asker


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens on port 1."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with serving({"/here": {"a": 1}}) as backend, Asker() as client:
        answer = await client.get(f"{backend.url}/here")

    assert answer.json() == {"a": 1}


async def test_a_limit_is_for_questions_that_set_none() -> None:
    steps = [Wait(0.4), *json_response({"a": 1})]
    async with serving({"/page": steps}) as backend, Asker(0.1) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get(f"{backend.url}/page")
        assert (await client.get(f"{backend.url}/page", 20.0)).json() == {"a": 1}
        assert (await client.post(f"{backend.url}/page", {}, inf)).json() == {"a": 1}


async def test_an_address_that_is_none_is_no_answer() -> None:
    async with Asker() as client:
        for address in ("http://a:b/", "nothing", "ftp://127.0.0.1/"):
            with pytest.raises(httpx.HTTPError):
                await client.get(address)


async def test_nothing_is_asked_after_the_end() -> None:
    async with serving({"/page": {}}) as backend:
        client = Asker()
        await client.get(f"{backend.url}/page")
        await client.close()
        with pytest.raises(httpx.ConnectError):
            await client.get(f"{backend.url}/page")

    assert len(backend.requests) == 1


async def test_a_value_is_sent_as_json_and_bytes_as_they_are() -> None:
    async with serving({"/page": {}}) as backend, Asker() as client:
        await client.post(f"{backend.url}/page", {"a": [1]})
        await client.post(f"{backend.url}/page", b"{ }")

    assert [request.body for request in backend.requests] == [b'{"a":[1]}', b"{ }"]
    assert {request.header("content-type") for request in backend.requests} == {"application/json"}


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    """A key would go wherever the backend says."""
    moved = json_response({}, 302, [("Location", "/here")])
    async with serving({"/moved": moved, "/here": {}}) as backend, Asker() as client:
        answer = await client.get(f"{backend.url}/moved")

    assert answer.status_code == 302
    assert [request.target for request in backend.requests] == ["/moved"]


async def test_an_answer_is_read_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "MOST_BYTES", 1000)
    pages = {"/fits": json_response(b"a" * 1000), "/too-long": json_response(b"a" * 1001)}
    async with serving(pages) as backend, Asker() as client:
        assert len((await client.get(f"{backend.url}/fits")).content) == 1000
        with pytest.raises(httpx.ReadError, match="over 1000 bytes"):
            await client.get(f"{backend.url}/too-long")


async def test_nothing_is_unpacked() -> None:
    """A megabyte may become a gigabyte; so nothing packed is asked for."""
    packed = gzip.compress(b" " * 1000)
    page = json_response(packed, headers=[("Content-Encoding", "gzip")])
    async with serving({"/page": page}) as backend, Asker() as client:
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
    async with serving({"/page": steps}) as backend, Asker(0.2) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get(f"{backend.url}/page")


FLOODS = {
    "lines": b"HTTP/1.1 200 OK\r\n" + b"X-One: 1\r\n" * 400_000,
    "one-line": b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 4_000_000,
    "interim": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 5000,
}


@pytest.mark.parametrize("kind", FLOODS)
async def test_a_head_without_end_is_no_answer(kind: str) -> None:
    async with serving({"/page": [Send(FLOODS[kind])]}) as backend, Asker() as client:
        with pytest.raises(httpx.RemoteProtocolError):
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
        async with Asker() as client:
            assert (await client.get(url)).text == "ok"
            if is_answered:
                assert (await client.get(url)).text == "ok"
            else:
                with pytest.raises(httpx.RemoteProtocolError):
                    await client.get(url)
        await asyncio.gather(*(task for task in handlers if task is not None))

    assert served == 3
