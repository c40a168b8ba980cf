"""A client that leaves: the backend's connection is closed at once, and the log says so once."""

import asyncio
from dataclasses import dataclass

import pytest

from tests.fakes.raw_client import RawClient, raw_client, request_bytes
from tests.fakes.running_proxy import DEADLINE_S, Backend, running_proxy
from tests.fakes.scripted import Send, Stall, Step
from tests.fakes.scripted_http import Request
from tests.fakes.scripted_replies import chat_stream, http_chunk, json_response, stream_response

CHAT = "/v1/chat/completions"
OTHER = "/v1/audio/speech"
AT_ONCE_S = 0.5  # the promise is 100 ms, and a quiet machine takes 2; a loaded one must not turn the test red
EVENTS = chat_stream(["one", " two"])
MESSAGES = [{"role": "user", "content": "hi"}]
PARTLY_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n"


@dataclass(frozen=True)
class Case:
    """What the backend does, how much of it the client waits for, and what it asked."""

    id: str
    script: list[Step]
    waits_for: bytes | None
    path: str = CHAT
    stream: bool = True
    status: int | None = 200
    generated: int | None = None


STARTED = stream_response([], finish=False)
CASES = [
    Case("no-byte-yet", [Stall()], None, status=None),
    Case("no-byte-yet-not-streamed", [Stall()], None, stream=False, status=None),
    Case("head-only", [*STARTED, Stall()], b""),
    Case("pings-in-prefill", [*STARTED, Send(http_chunk(b": ping\n\n")), Stall()], b": ping"),
    Case("role-only", [*STARTED, Send(http_chunk(EVENTS[0])), Stall()], b"assistant"),
    Case("mid-stream", [*stream_response(EVENTS[:2], finish=False), Stall()], b"one"),
    Case(
        "before-done",
        [*stream_response(EVENTS[:-1], finish=False), Stall()],
        b"timings",
        generated=3,
    ),
    Case("half-a-body", [Send(PARTLY_HEAD + b'{"a'), Stall()], b'{"a', stream=False),
    Case("passthrough", [Stall()], None, path=OTHER),
    Case("passthrough-stream", [*stream_response([b"x"], finish=False), Stall()], b"x", path=OTHER),
]


async def left(client: RawClient, request: Request, *, reset: bool) -> float:
    """Leave; the seconds until the backend's connection was closed."""
    loop = asyncio.get_running_loop()
    at = loop.time()
    client.close(reset=reset)
    async with asyncio.timeout(DEADLINE_S):
        await request.client_gone.wait()
    assert request.gone_at is not None
    return request.gone_at - at


async def received(client: RawClient, mark: bytes) -> None:
    """Wait for the head of the answer, and until these bytes of the body have come."""
    answer = await client.head()
    body = client.body(answer)
    while mark not in answer.body:
        await anext(body)


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_the_backend_is_told_at_once(case: Case, reset: bool) -> None:
    body = {"messages": MESSAGES, "stream": case.stream}
    async with Backend(case.script) as backend, running_proxy(backend.url) as proxy:
        async with raw_client(proxy.url) as client:
            await client.send(request_bytes("POST", case.path, body))
            async with asyncio.timeout(DEADLINE_S):
                request = await backend.received(1)
                if case.waits_for is not None:
                    await received(client, case.waits_for)
            waited_s = await left(client, request, reset=reset)
        records = await proxy.records()

    assert waited_s < AT_ONCE_S
    expected = [("client_gone", case.status, case.generated)] if case.path == CHAT else []
    assert [(r["outcome"], r["status"], r["generated_tokens"]) for r in records] == expected
    assert len(backend.requests) == 1


async def test_a_client_that_leaves_inside_its_body_reaches_no_backend() -> None:
    """There is no turn: nobody knows what was to be asked."""
    whole = request_bytes("POST", CHAT, {"messages": MESSAGES})
    async with Backend() as backend, running_proxy(backend.url) as proxy:
        async with raw_client(proxy.url) as client:
            await client.send(whole[:-5])
        records = await proxy.records()

    assert backend.requests == []
    assert records == []


async def test_a_client_that_leaves_after_the_answer_changes_nothing() -> None:
    """The connection to the backend stays for the next request."""
    ok = json_response({"ok": True})
    async with Backend(ok, ok) as backend, running_proxy(backend.url) as proxy:
        for _ in range(2):
            async with raw_client(proxy.url) as client:
                await client.send(request_bytes("POST", CHAT, {"messages": MESSAGES}))
                await client.answer()
        records = await proxy.records()

    assert [record["outcome"] for record in records] == ["ok", "ok"]
    assert [request.connection for request in backend.requests] == [1, 1]


async def test_one_client_that_leaves_does_not_disturb_another() -> None:
    stalled: list[Step] = [*stream_response(EVENTS[:2], finish=False), Stall()]
    async with (
        Backend(stalled, stream_response(EVENTS)) as backend,
        running_proxy(backend.url) as proxy,
        raw_client(proxy.url) as first,
        raw_client(proxy.url) as second,
    ):
        asked = request_bytes("POST", CHAT, {"messages": MESSAGES, "stream": True})
        await first.send(asked)
        request = await backend.received(1)
        await second.send(asked)
        await left(first, request, reset=False)
        answer = await second.answer()
        records = await proxy.records()

    assert answer.body == b"".join(EVENTS)
    assert sorted(record["outcome"] for record in records) == ["client_gone", "ok"]
