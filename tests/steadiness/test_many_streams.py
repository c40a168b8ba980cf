"""Two hundred streams at once: each arrives as it was sent, and nothing is left open afterwards."""

import asyncio
from pathlib import Path

from tests.fakes.raw_client import Answer, raw_client, request_bytes
from tests.fakes.running_proxy import DEADLINE_S, Backend, running_proxy, until
from tests.fakes.scripted import Script, Send, Step, Wait
from tests.fakes.scripted_http import Request
from tests.fakes.scripted_replies import chat_stream, http_chunk, last_chunk, stream_response

CHAT = "/v1/chat/completions"
STREAMS = 200
EVENTS = 20
IDLE = {"idle_connection_s": 0.5}
"""The pool closes what it keeps soon, so that what is left over shows."""


def events(name: str) -> list[bytes]:
    """A reply that nobody else gets."""
    return chat_stream([f"{name}: {count} é, " for count in range(EVENTS)])


async def one(url: str, name: str, together: asyncio.Barrier) -> Answer:
    """One stream on a connection of its own, which goes on when all have begun."""
    body = {"messages": [{"role": "user", "content": name}], "stream": True}
    async with raw_client(url) as client:
        await client.send(request_bytes("POST", CHAT, body))
        answer = await client.head()
        arrivals = client.body(answer)
        await anext(arrivals)
        await together.wait()
        async for _ in arrivals:
            pass
        return answer


def sockets() -> int:
    """How many sockets this process has open."""
    links = (path.readlink() for path in Path("/proc/self/fd").iterdir() if path.is_symlink())
    return sum(str(link).startswith("socket:") for link in links)


async def test_two_hundred_streams_at_once() -> None:
    """All of them run before the first one ends; what each gets is its own, byte for byte."""
    names = [f"stream {number}" for number in range(STREAMS)]
    together = asyncio.Barrier(STREAMS + 1)
    all_run = asyncio.Event()

    def script(request: Request) -> Script:
        first, *rest = events(request.json()["messages"][-1]["content"])
        steps: list[Step] = stream_response([first], finish=False)
        return [
            *steps,
            Wait(all_run),
            *(Send(http_chunk(event)) for event in rest),
            Send(last_chunk()),
        ]

    async with (
        Backend(otherwise=script) as backend,
        running_proxy(backend.url, backend=IDLE) as proxy,
    ):
        all_run.set()  # a first one, so that what is begun once has begun
        await one(proxy.url, "first", asyncio.Barrier(1))
        await proxy.records()
        await until(proxy.server.is_idle)
        await until(lambda: backend.open_connections == 0)
        tasks, open_before = len(asyncio.all_tasks()), sockets()
        all_run.clear()
        async with asyncio.timeout(3 * DEADLINE_S), asyncio.TaskGroup() as group:
            streams = [group.create_task(one(proxy.url, name, together)) for name in names]
            await together.wait()
            at_once = backend.open_connections
            all_run.set()
        answers = [stream.result() for stream in streams]
        _, *records = await proxy.records()
        await until(lambda: backend.open_connections == 0)
        await until(lambda: len(asyncio.all_tasks()) <= tasks)
        open_after = sockets()

    assert at_once == STREAMS
    assert all(answer.complete for answer in answers)
    assert [answer.body for answer in answers] == [b"".join(events(name)) for name in names]
    assert [record["outcome"] for record in records] == ["ok"] * STREAMS
    assert len({record["turn"] for record in records}) == STREAMS
    assert len({record["conversation"] for record in records}) == STREAMS
    assert open_after == open_before
