"""A backend that goes and comes back under load: honest errors meanwhile, and then all is well."""

import asyncio
from collections import Counter

import pytest

from tests.fakes.raw_client import Answer, exchange
from tests.fakes.running_proxy import DEADLINE_S, running_proxy, until
from tests.fakes.scripted import Script, Wait
from tests.fakes.scripted_http import Request
from tests.fakes.scripted_replies import chat_reply, chat_stream, json_response, stream_response
from tests.steadiness.restarting import restarting

CHAT = "/v1/chat/completions"
CLIENTS = 24
REQUESTS = 12
RESTARTS = 4
EVENTS = chat_stream([f" {count}" for count in range(8)])
WHOLE = json_response(chat_reply("hi", 5, 0))
BODIES = {True: b"".join(EVENTS), False: WHOLE[0].data.partition(b"\r\n\r\n")[2]}  # type: ignore[union-attr]


def script(request: Request) -> Script:
    """A stream takes 80 ms, so that a restart meets some."""
    is_stream = request.json()["stream"]
    return stream_response(EVENTS, between=Wait(0.008)) if is_stream else WHOLE


def told(answer: Answer, *, is_stream: bool) -> str:
    """How an answer looks to its client: whole, cut, an error of ours; anything else fails the test."""
    if answer.status == 502:
        assert answer.complete
        assert answer.json()["error"]["type"] in ("backend_unreachable", "backend_disconnected")
        return str(answer.json()["error"]["type"])
    assert answer.status == 200
    body = BODIES[is_stream]
    assert body.startswith(answer.body)
    assert answer.complete == (answer.body == body) or not answer.complete
    return "ok" if answer.complete else "cut"


@pytest.mark.parametrize("seed", [0, 1])
async def test_restarts_under_load(seed: int) -> None:
    """No request hangs, none ends cleanly that was cut, and the log has a line for each."""
    seen: Counter[str] = Counter()

    async def client(url: str, number: int) -> None:
        for count in range(REQUESTS):
            is_stream = (number + count + seed) % 3 != 0
            message = {"role": "user", "content": f"client {number}, request {count}"}
            answer = await exchange(url, "POST", CHAT, {"messages": [message], "stream": is_stream})
            seen[told(answer, is_stream=is_stream)] += 1

    async with restarting(script) as backend, running_proxy(backend.url) as proxy:
        async with asyncio.timeout(3 * DEADLINE_S), asyncio.TaskGroup() as group:
            load = [group.create_task(client(proxy.url, number)) for number in range(CLIENTS)]
            for restart in range(1, RESTARTS + 1):
                mark = restart * CLIENTS
                await until(lambda mark=mark: backend.served >= mark)  # type: ignore[misc]
                await backend.end()
                refused = seen["backend_unreachable"]
                await until(lambda before=refused: seen["backend_unreachable"] > before)  # type: ignore[misc]
                await backend.begin()
            await asyncio.wait(load)
        last = await exchange(
            proxy.url,
            "POST",
            CHAT,
            {"messages": [{"role": "user", "content": "x"}], "stream": False},
        )
        records = await proxy.records()

    outcomes = Counter(record["outcome"] for record in records)
    assert (last.status, last.body) == (200, BODIES[False])
    assert len(records) == CLIENTS * REQUESTS + 1
    assert outcomes["ok"] == seen["ok"] + 1
    assert outcomes["backend_unreachable"] == seen["backend_unreachable"]
    assert outcomes["backend_disconnected"] == seen["backend_disconnected"] + seen["cut"]
    assert seen["cut"] + seen["backend_disconnected"] >= RESTARTS
    assert seen["backend_unreachable"] >= RESTARTS
    assert seen["ok"] > CLIENTS
