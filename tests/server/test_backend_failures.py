"""A backend that is down, slow or breaks off: one clear answer, one line in the log, nothing sent twice."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import pytest

from tests.fakes.raw_client import Answer, exchange, raw_client, request_bytes
from tests.fakes.running_proxy import DEADLINE_S, Backend, RunningProxy, running_proxy, until
from tests.fakes.scripted import Cut, Send, Stall, Step, Wait
from tests.fakes.scripted_replies import (
    chat_reply,
    chat_stream,
    head,
    interim,
    json_response,
    stream_response,
)

CHAT = "/v1/chat/completions"
OTHER = "/v1/embeddings"
BODY = {"messages": [{"role": "user", "content": "hi"}]}
OK = json_response(chat_reply("hi", 5, 0))


@contextmanager
def unused_url() -> Iterator[str]:
    """An address where nobody listens: bound, so that nobody else can take it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@asynccontextmanager
async def deaf_url() -> AsyncIterator[str]:
    """An address that lets nobody in: its queue of connections is full and not accepted from."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        try:
            yield f"http://127.0.0.1:{address[1]}"
        finally:
            for one in waiting:
                one.close()


@pytest.mark.parametrize("path", [CHAT, OTHER], ids=["chat", "passthrough"])
async def test_a_backend_that_is_down_is_named_with_what_to_do(path: str) -> None:
    with unused_url() as url:
        async with running_proxy(url) as proxy:
            answer = await exchange(proxy.url, "POST", path, BODY)
            records = await proxy.records()

    error = answer.json()["error"]
    assert answer.status == 502
    assert error["type"] == "backend_unreachable"
    assert url in error["message"]
    assert "--backend" in error["message"]
    assert [(r["outcome"], r["status"]) for r in records] == (
        [("backend_unreachable", 502)] if path == CHAT else []
    )


async def test_a_name_that_does_not_resolve_is_unreachable() -> None:
    async with running_proxy("http://no-such-host.invalid:1") as proxy:
        answer = await exchange(proxy.url, "POST", CHAT, BODY)
        record = await proxy.record()

    assert answer.status == 502
    assert "no-such-host.invalid" in answer.json()["error"]["message"]
    assert record["outcome"] == "backend_unreachable"


@pytest.mark.parametrize("path", [CHAT, OTHER], ids=["chat", "passthrough"])
async def test_a_backend_that_does_not_begin_to_answer_times_out(path: str) -> None:
    limits = {"first_byte_timeout_s": 0.05}
    async with Backend([Stall()]) as backend, running_proxy(backend.url, backend=limits) as proxy:
        answer = await exchange(proxy.url, "POST", path, BODY)
        async with asyncio.timeout(DEADLINE_S):
            await backend.requests[0].client_gone.wait()
        records = await proxy.records()

    error = answer.json()["error"]
    assert (answer.status, error["type"]) == (504, "backend_timeout")
    assert backend.url in error["message"]
    assert "backend.first_byte_timeout_s" in error["message"]
    assert [(r["outcome"], r["status"]) for r in records] == (
        [("backend_timeout", 504)] if path == CHAT else []
    )


async def test_the_limit_is_for_the_first_byte_and_not_for_the_whole_reply() -> None:
    events = chat_stream(["a", "b", "c", "d", "e"])
    script = stream_response(events, between=Wait(0.05))
    limits = {"first_byte_timeout_s": 0.2}
    async with Backend(script) as backend, running_proxy(backend.url, backend=limits) as proxy:
        answer = await exchange(proxy.url, "POST", CHAT, BODY)

    assert answer.body == b"".join(events)


async def test_a_backend_that_lets_nobody_in_is_unreachable_and_names_the_setting() -> None:
    async with deaf_url() as url, running_proxy(url, backend={"connect_timeout_s": 0.1}) as proxy:
        answer = await exchange(proxy.url, "POST", CHAT, BODY)
        record = await proxy.record()

    error = answer.json()["error"]
    assert (answer.status, error["type"]) == (502, "backend_unreachable")
    assert url in error["message"]
    assert "backend.connect_timeout_s" in error["message"]
    assert record["outcome"] == "backend_unreachable"


@dataclass(frozen=True)
class Broken:
    """What a backend does instead of answering, after it has read the whole request."""

    id: str
    script: list[Step]


NO_ANSWER = [
    Broken("closes", [Cut()]),
    Broken("resets", [Cut(reset=True)]),
]
HALF_AN_ANSWER = [
    Broken("half-a-head", [Send(b"HTTP/1.1 200 OK\r\nContent-"), Cut()]),
    Broken("half-a-head-and-resets", [Send(b"HTTP/1.1 200 OK\r\nContent-"), Cut(reset=True)]),
    Broken("no-http", [Send(b"hello\r\n\r\n"), Cut()]),
    Broken("only-an-interim-answer", [interim(), Cut()]),
]
METHODS = pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])


async def after(backend: Backend, proxy: RunningProxy, before: int, method: str) -> Answer:
    """The answer to a request of this method, after so many chat requests that went well."""
    for _ in range(before):
        await exchange(proxy.url, "POST", CHAT, BODY)
    path = CHAT if method == "POST" else OTHER
    return await exchange(proxy.url, method, path, BODY if method in ("POST", "PUT") else None)


@METHODS
@pytest.mark.parametrize(
    ("case", "before"),
    [*((case, 0) for case in NO_ANSWER), *((case, at) for case in HALF_AN_ANSWER for at in (0, 1))],
    ids=lambda value: value.id if isinstance(value, Broken) else f"after-{value}",
)
async def test_a_request_that_was_read_is_never_sent_twice(
    case: Broken, before: int, method: str
) -> None:
    """The model may have begun, whatever the method; also on a kept connection, if anything came back."""
    async with (
        Backend(*[OK] * before, case.script, otherwise=OK) as backend,
        running_proxy(backend.url) as proxy,
    ):
        answer = await after(backend, proxy, before, method)
        records = await proxy.records()

    assert answer.status == 502
    assert answer.json()["error"]["type"] == "backend_disconnected"
    assert backend.url in answer.json()["error"]["message"]
    assert len(backend.requests) == before + 1
    lost = ["backend_disconnected"] if method == "POST" else []
    assert [r["outcome"] for r in records] == ["ok"] * before + lost


@METHODS
@pytest.mark.parametrize("case", NO_ANSWER, ids=lambda case: case.id)
async def test_a_kept_connection_that_broke_before_an_answer_is_no_error(
    case: Broken, method: str
) -> None:
    """The backend closed it while it waited. A body that comes in pieces was never sent on it."""
    scripts = [OK] if method == "PUT" else [OK, case.script]
    async with (
        Backend(*scripts, otherwise=OK) as backend,
        running_proxy(backend.url) as proxy,
    ):
        answer = await after(backend, proxy, 1, method)

    assert answer.status == 200
    assert [request.method for request in backend.requests] == ["POST"] + [method] * len(scripts)
    assert [request.ordinal for request in backend.requests] == [*range(1, len(scripts) + 1), 1]
    assert len({request.body for request in backend.requests[1:]}) == 1


@pytest.mark.parametrize("case", NO_ANSWER, ids=lambda case: case.id)
async def test_a_new_connection_that_breaks_as_well_is_the_end(case: Broken) -> None:
    async with (
        Backend(OK, case.script, case.script, otherwise=OK) as backend,
        running_proxy(backend.url) as proxy,
    ):
        answer = await after(backend, proxy, 1, "POST")

    assert answer.json()["error"]["type"] == "backend_disconnected"
    assert len(backend.requests) == 3


EVENTS = b"".join(chat_stream(["hi"]))
JSON_HEADERS = [("Content-Type", "application/json")]
KNOWN_LENGTH = [("Content-Type", "text/event-stream"), ("Content-Length", str(len(EVENTS)))]
STREAMS = [
    pytest.param(stream_response([EVENTS]), id="events"),
    pytest.param(stream_response([b"{}"], headers=JSON_HEADERS), id="chunked"),
    pytest.param(
        [Send(b"".join(step.data for step in stream_response([EVENTS]) if isinstance(step, Send)))],
        id="all-at-once",
    ),
    pytest.param([Send(head(200, KNOWN_LENGTH) + EVENTS)], id="events-of-known-length"),
]


@pytest.mark.parametrize("script", STREAMS)
async def test_a_connection_that_carried_a_stream_is_not_used_again(script: list[Step]) -> None:
    """The backend may close it without a word."""
    async with (
        Backend(script, otherwise=OK) as backend,
        running_proxy(backend.url) as proxy,
    ):
        for _ in range(3):
            await exchange(proxy.url, "POST", CHAT, BODY)

    assert [request.ordinal for request in backend.requests] == [1, 1, 2]


async def test_a_status_that_no_server_can_send_ends_the_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A mistake of ours or of the web server is told to the operator and hangs nobody."""
    script = [Send(b"HTTP/1.1 799 Odd\r\nContent-Length: 0\r\n\r\n")]
    async with (
        Backend(script) as backend,
        running_proxy(backend.url) as proxy,
        raw_client(proxy.url) as client,
        asyncio.timeout(DEADLINE_S),
    ):
        await client.send(request_bytes("GET", OTHER))
        assert await client.ended()

    assert "KeyError: 799" in caplog.text


async def test_an_answer_to_come_is_not_the_answer() -> None:
    script = [interim(103, [("Link", "</x>")]), interim(102), *OK]
    async with Backend(script) as backend, running_proxy(backend.url) as proxy:
        answer = await exchange(proxy.url, "POST", CHAT, BODY)

    assert answer.status == 200
    assert answer.header("link") is None


async def test_trailers_end_a_stream_as_well() -> None:
    events = chat_stream(["hi"])
    script = stream_response(events, trailers=[("X-End", "1")])
    async with Backend(script) as backend, running_proxy(backend.url) as proxy:
        answer = await exchange(proxy.url, "POST", CHAT, BODY)

    assert answer.body == b"".join(events)
    assert answer.complete


CLOSING = [
    pytest.param({"idle_timeout_s": 0.02}, id="after-idling"),
    pytest.param({"max_requests": 1}, id="after-each"),
    pytest.param({"max_requests": 2}, id="after-two"),
    pytest.param({"keep_alive": False}, id="at-once"),
]


@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
@pytest.mark.parametrize("options", CLOSING)
async def test_a_connection_that_the_backend_closed_is_no_error_for_the_client(
    options: dict[str, float], large: bool
) -> None:
    """Closed without a word, while it waits in the pool."""
    text = "x" * (2_000_000 if large else 2)
    body = {"messages": [{"role": "user", "content": text}]}
    async with (
        Backend(otherwise=OK, **options) as backend,  # type: ignore[arg-type] # table of options
        running_proxy(backend.url) as proxy,
    ):
        statuses = []
        for _ in range(4):
            statuses.append((await exchange(proxy.url, "POST", CHAT, body)).status)
            if backend.requests[-1].ordinal >= (backend.max_requests or 1):
                await until(lambda: backend.open_connections == 0)

    assert statuses == [200] * 4
    assert len(backend.requests) == 4


async def test_an_announced_end_of_the_connection_is_heeded() -> None:
    scripts = [json_response({}, close=True) for _ in range(3)]
    async with (
        Backend(*scripts) as backend,
        running_proxy(backend.url) as proxy,
        raw_client(proxy.url) as client,
    ):
        for _ in range(3):
            await client.send(request_bytes("POST", CHAT, BODY))
            answer = await client.answer()
            assert (answer.status, answer.header("connection")) == (200, None)

    assert len({request.connection for request in backend.requests}) == 3


async def test_an_idle_connection_is_given_up_before_the_backend_does() -> None:
    idle = {"idle_connection_s": 0.02}
    async with Backend(otherwise=OK) as backend, running_proxy(backend.url, backend=idle) as proxy:
        await exchange(proxy.url, "POST", CHAT, BODY)
        await until(lambda: backend.open_connections == 0)
        answer = await exchange(proxy.url, "POST", CHAT, BODY)

    assert answer.status == 200
