"""Which connections are kept, and what is known of the one that a request was sent on."""

import asyncio
import gc
from typing import Any

import aiohttp
import pytest
from aiohttp.http import RawResponseMessage
from multidict import CIMultiDict, CIMultiDictProxy

from tests.fakes.scripted import Cut, Handler, ScriptedBackend, Send
from tests.fakes.scripted_replies import json_response, stream_response
from warmprefix.backends.pool import Link, Pool, is_stream, went_stale

OK = json_response({"a": 1})
STREAM = stream_response([b"data: 1\n\n"])


def head(kind: str | None, *, chunked: bool) -> RawResponseMessage:
    headers = CIMultiDict[str]() if kind is None else CIMultiDict({"Content-Type": kind})
    version = aiohttp.HttpVersion11
    return RawResponseMessage(
        version, 200, "OK", CIMultiDictProxy(headers), (), False, None, False, chunked
    )


@pytest.mark.parametrize(
    ("kind", "chunked", "expected"),
    [
        pytest.param("application/json", False, False, id="whole"),
        pytest.param(None, False, False, id="no-type"),
        pytest.param("application/json", True, True, id="no-length"),
        pytest.param("text/event-stream", False, True, id="events"),
        pytest.param("text/event-stream; charset=utf-8", False, True, id="events-with-charset"),
        pytest.param("text/plain", False, False, id="text"),
    ],
)
def test_what_a_stream_is(kind: str | None, chunked: bool, expected: bool) -> None:
    assert is_stream(head(kind, chunked=chunked)) is expected


async def asked(pool: Pool, backend: ScriptedBackend, times: int) -> int:
    """How many connections so many requests take."""
    async with aiohttp.ClientSession(connector=pool) as session:
        for _ in range(times):
            async with session.get(f"{backend.url}/") as answer:
                await answer.read()
    return backend.connections


async def test_a_connection_is_kept_for_the_next_request() -> None:
    async with ScriptedBackend(otherwise=OK) as backend:
        assert await asked(Pool(5.0), backend, 3) == 1


async def test_each_is_used_once_if_none_is_kept() -> None:
    """And the backend is not told so: the header would be part of the request."""
    async with ScriptedBackend(otherwise=OK) as backend:
        assert await asked(Pool(5.0, keeps=False), backend, 3) == 3

    assert {request.header("connection") for request in backend.requests} == {None}


async def test_one_that_carried_a_stream_is_not_kept() -> None:
    async with ScriptedBackend(STREAM, OK, OK) as backend:
        assert await asked(Pool(5.0), backend, 3) == 2


async def failed(*scripts: Handler) -> bool:
    """Whether the last of these requests, which fails, was sent on a connection that had gone stale."""
    async with (
        ScriptedBackend(*scripts) as backend,
        aiohttp.ClientSession(connector=Pool(5.0)) as session,
    ):
        for _ in scripts[:-1]:
            async with session.post(f"{backend.url}/") as answer:
                await answer.read()
        with pytest.raises(aiohttp.ClientError):
            await session.post(f"{backend.url}/")
        return went_stale()


async def test_a_connection_is_stale_if_it_was_used_before_and_nothing_came() -> None:
    assert await failed(OK, [Cut()])


async def test_a_new_connection_is_never_stale() -> None:
    assert not await failed([Cut()])


async def test_one_on_which_something_came_is_not_stale() -> None:
    """The backend has read the request."""
    assert not await failed(OK, [Send(b"HTTP/1.1 200 OK\r\n"), Cut()])


async def test_without_a_request_nothing_is_stale() -> None:
    assert not went_stale()


@pytest.mark.parametrize("error", [ConnectionResetError(), None])
async def test_the_end_of_a_connection_that_nobody_waits_for_is_no_error(
    error: Exception | None,
) -> None:
    loop = asyncio.get_running_loop()
    unheard: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: unheard.append(context))
    link = Link(loop)
    link.connection_made(asyncio.Transport())
    assert link.closed is not None

    link.connection_lost(error)
    await asyncio.sleep(0)
    del link
    gc.collect()

    assert unheard == []
