"""While a large request is understood, all others are answered."""

import asyncio
import json
import threading

import pytest

from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Backend, running_proxy, until
from tests.security.hostile import CHAT, HANG_S, OK
from warmprefix.aside import LARGE_BYTES
from warmprefix.core.canonical import Canonical, Canonicalizer
from warmprefix.core.types import Prompt
from warmprefix.pipeline.prepare import MOST_ELEMENTS

SMALL = b'{"messages":[{"role":"user","content":"hi"}]}'


def chat(*texts: str) -> bytes:
    return json.dumps({"messages": [{"role": "user", "content": text} for text in texts]}).encode()


class Gate:
    """Holds every large prompt until it is opened. `held`: one is held; `was_opened`: it was opened in time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.held = threading.Event()
        self.open = threading.Event()
        self.was_opened: bool | None = None
        run = Canonicalizer.run

        def held(rules: Canonicalizer, prompt: Prompt) -> Canonical:
            if sum(len(message.raw or b"") for message in prompt.messages) > LARGE_BYTES:
                self.held.set()
                self.was_opened = self.open.wait(HANG_S / 2)
            return run(rules, prompt)

        monkeypatch.setattr(Canonicalizer, "run", held)


async def test_others_are_answered_while_a_large_request_is_understood(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate, large = Gate(monkeypatch), chat("some words " * (LARGE_BYTES // 10))
    async with (
        asyncio.timeout(HANG_S),
        Backend(otherwise=OK) as backend,
        running_proxy(backend.url) as proxy,
    ):
        slow = asyncio.create_task(exchange(proxy.url, "POST", CHAT, large))
        await until(gate.held.is_set)
        health = await exchange(proxy.url, "GET", "/warmprefix/health")
        quick = await exchange(proxy.url, "POST", CHAT, SMALL)
        gate.open.set()
        answer = await slow

    assert gate.was_opened
    assert (health.status, quick.status, answer.status) == (200, 200, 200)
    assert [request.body for request in backend.requests] == [SMALL, large]


@pytest.mark.parametrize(("count", "reason"), [(0, None), (1, ["too-long"])])
async def test_more_messages_than_any_conversation_has_are_relayed_as_they_come(
    count: int, reason: list[str] | None
) -> None:
    body = chat(*["hi"] * (MOST_ELEMENTS + count))
    async with (
        asyncio.timeout(HANG_S),
        Backend(otherwise=OK) as backend,
        running_proxy(backend.url) as proxy,
    ):
        await exchange(proxy.url, "POST", CHAT, body)
        line = await proxy.record()

    assert backend.requests[0].body == body
    assert line["failed_open"] == reason
