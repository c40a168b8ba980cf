"""A client that waits for a long prompt hears from its stream, if the user wants that.

Silences end when the test says so: nothing here waits for a clock.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from tests.fakes.raw_client import Answer, RawClient, raw_client, request_bytes
from tests.fakes.running_proxy import DEADLINE_S, Backend, Json, RunningProxy, running_proxy, until
from tests.fakes.scripted import Cut, Handler, Send, Wait
from tests.fakes.scripted_replies import chat_stream, http_chunk, json_response, stream_response
from warmprefix.config import ServerConfig
from warmprefix.server.keep_alive import KeepAlive, Pulse

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
TEXT = "/v1/completions"
USER = [{"role": "user", "content": "hi"}]
BODIES: dict[str, Json] = {
    CHAT: {"messages": USER, "stream": True},
    MESSAGES: {"messages": USER, "stream": True, "max_tokens": 9},
    RESPONSES: {"input": "hi", "stream": True},
    TEXT: {"prompt": "hi", "stream": True},
}
COMMENT = b":\n\n"
PING = b'event: ping\ndata: {"type":"ping"}\n\n'
SAYS = {CHAT: COMMENT, MESSAGES: PING, RESPONSES: COMMENT, TEXT: COMMENT}
EVENTS = chat_stream(["one", " two"])
ENDPOINTS = pytest.mark.parametrize("path", BODIES)


@dataclass
class Silences:
    """Stands for the clock: a silence has passed when the test lets it pass. `asked`: how long each is."""

    asked: list[float] = field(default_factory=list)
    running: list[asyncio.Event] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        """Wait until the test calls `passes`."""
        self.asked.append(seconds)
        self.running.append(passed := asyncio.Event())
        try:
            await passed.wait()
        finally:
            self.running.remove(passed)

    async def passes(self) -> None:
        """The silence that runs has passed, and what then happens has happened: the next one has begun."""
        await until(lambda: bool(self.running))
        so_far = len(self.asked)
        self.running[0].set()
        await until(lambda: len(self.asked) > so_far)


@asynccontextmanager
async def waiting(
    script: Handler, path: str, body: Json | None = None, **server: object
) -> AsyncIterator[tuple[RunningProxy, RawClient, Silences]]:
    """A client that has asked, behind a proxy whose silences the test ends."""
    silences, settings = Silences(), {"keep_alive_s": 7.0, **server}
    async with (
        Backend(script, gap_s=0) as backend,
        running_proxy(backend.url, server=settings) as proxy,
        raw_client(proxy.url) as client,
        asyncio.timeout(DEADLINE_S),
    ):
        proxy.app.keep_alive.sleep = silences.sleep
        await client.send(request_bytes("POST", path, body or BODIES[path]))
        yield proxy, client, silences


async def rest(client: RawClient, answer: Answer) -> bytes:
    """The body to its end."""
    async for _ in client.body(answer):
        pass
    return answer.body


@ENDPOINTS
async def test_a_silent_stream_says_something_until_the_first_text(path: str) -> None:
    go_on = asyncio.Event()
    script = [
        *stream_response([], finish=False),
        Wait(go_on),
        *(Send(http_chunk(event)) for event in EVENTS),
        Send(b"0\r\n\r\n"),
    ]
    async with waiting(script, path) as (proxy, client, silences):
        answer = await client.head()
        await silences.passes()
        await silences.passes()
        go_on.set()
        body = await rest(client, answer)
        record = await proxy.record()

    assert body == 2 * SAYS[path] + b"".join(EVENTS)
    assert set(silences.asked) == {7.0}
    assert record["status"] == 200


async def test_nothing_is_said_within_an_event_or_after_the_first_text() -> None:
    """Half an event has come, then its rest with text: both silences stay silent."""
    half, text = asyncio.Event(), EVENTS[1]
    script = [
        *stream_response([EVENTS[0], text[:20]], finish=False),
        Wait(half),
        *(Send(http_chunk(piece)) for piece in (text[20:], *EVENTS[2:])),
        Send(b"0\r\n\r\n"),
    ]
    async with waiting(script, CHAT) as (_, client, silences):
        answer = await client.head()
        arrivals = client.body(answer)
        while not answer.body.endswith(text[:20]):
            await anext(arrivals)
        await silences.passes()
        half.set()
        body = await rest(client, answer)

    assert body == b"".join(EVENTS)


SILENT: list[tuple[str, Json, dict[str, object]]] = [
    ("by-default", BODIES[CHAT], {"keep_alive_s": 0.0}),
    ("another-client", BODIES[CHAT], {"keep_alive_clients": ("hermes",)}),
    ("not-streamed", {"messages": USER}, {"early_headers": True}),
    ("not-understood", {"messages": 5, "stream": True}, {"early_headers": True}),
]


@pytest.mark.parametrize("row", SILENT, ids=lambda row: row[0])
async def test_nothing_is_said_unless_it_is_wanted(
    row: tuple[str, Json, dict[str, object]],
) -> None:
    _, body, server = row
    script = stream_response(EVENTS)
    async with waiting(script, CHAT, body, **server) as (_, client, silences):
        answer = await client.answer()

    assert answer.body == b"".join(EVENTS)
    assert silences.asked == []


@ENDPOINTS
async def test_the_head_may_come_before_the_backends(path: str) -> None:
    go_on = asyncio.Event()
    script = [Wait(go_on), *stream_response(EVENTS)]
    async with waiting(script, path, early_headers=True) as (proxy, client, silences):
        await silences.passes()
        answer = await client.head()
        await anext(client.body(answer))
        go_on.set()
        body = await rest(client, answer)
        record = await proxy.record()

    assert (answer.status, answer.header("content-type")) == (200, "text/event-stream")
    assert body == SAYS[path] + b"".join(EVENTS)
    assert (record["status"], record["outcome"]) == (200, "ok")


async def test_if_the_backend_is_quick_its_own_head_comes() -> None:
    script = stream_response(EVENTS, headers=[("Content-Type", "text/event-stream"), ("X-A", "1")])
    async with waiting(script, CHAT, early_headers=True) as (_, client, _):
        answer = await client.answer()

    assert answer.header("x-a") == "1"
    assert answer.body == b"".join(EVENTS)


REFUSED = {"error": {"message": "too long", "type": "exceed_context_size_error", "code": 400}}
FAILURES: list[tuple[str, Handler, str]] = [
    ("error", json_response(REFUSED, 400), "too long"),
    ("text", json_response(b"<h1>Bad Gateway</h1>", 502), "<h1>Bad Gateway</h1>"),
    ("nothing", json_response(b"", 503), "status 503"),
    ("no-stream", json_response({"choices": []}), "choices"),
    ("gone", [Cut()], "closed the connection"),
    ("gone-in-the-head", [Send(b"HTTP/1.1 200 OK\r\nContent-"), Cut()], "closed the connection"),
    ("gone-before-a-byte", [*stream_response([], finish=False), Cut()], "closed the connection"),
]


def delayed(script: Handler, go_on: asyncio.Event) -> Handler:
    assert not callable(script)
    return [Wait(go_on), *script]


@ENDPOINTS
@pytest.mark.parametrize("row", FAILURES, ids=lambda row: row[0])
async def test_an_error_behind_an_early_head_is_an_event_of_the_dialect(
    row: tuple[str, Handler, str], path: str
) -> None:
    _, script, words = row
    go_on = asyncio.Event()
    async with waiting(delayed(script, go_on), path, early_headers=True) as (
        proxy,
        client,
        silences,
    ):
        await silences.passes()
        answer = await client.head()
        await anext(client.body(answer))
        go_on.set()
        body = (await rest(client, answer)).removeprefix(SAYS[path])
        record = await proxy.record()

    name, value = event(body)
    error = value["error"]
    assert answer.complete
    assert words in error["message"]
    assert record["status"] == 200
    if path == MESSAGES:
        assert (name, value["type"]) == ("error", "error")
    elif path == RESPONSES:
        assert name == value["type"] == "response.failed"
        assert value["response"]["error"]["message"] == error["message"]
    else:
        assert name is None


def event(body: bytes) -> tuple[str | None, Json]:
    """Name and data of the only event."""
    lines = body.decode().removesuffix("\n\n").split("\n")
    fields = dict(line.split(": ", 1) for line in lines)
    data: Json = json.loads(fields["data"])
    return fields.get("event"), data


async def test_a_client_that_leaves_meanwhile_ends_the_request() -> None:
    script = [Wait(asyncio.Event())]
    async with waiting(script, CHAT, early_headers=True) as (proxy, client, silences):
        await silences.passes()
        await client.head()
        client.close()
        record = await proxy.record()

    assert (record["outcome"], record["status"]) == ("client_gone", None)


async def test_what_is_cancelled_has_ended() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("work")

    async def beat() -> None:
        raise AssertionError("no silence has passed")

    silences = Silences()
    pulse = Pulse(1.0, b"", is_early=False, sleep=silences.sleep)
    task = asyncio.create_task(pulse.beside(work(), beat))
    await until(lambda: bool(silences.running))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert ended == ["work"]


def test_the_clock_is_asyncios() -> None:
    assert KeepAlive(ServerConfig()).sleep is asyncio.sleep
