"""Two real llama-servers behind one proxy: a conversation keeps its cache, and goes on when one dies."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Json, RunningProxy
from tests.servers.stock import Served, StartEither
from warmprefix.config import Config, NamedBackend

pytestmark = pytest.mark.backend

CHAT = "/v1/chat/completions"


def opening(text: str) -> list[Json]:
    system = {"role": "system", "content": f"You help with {text}. " * 60}
    return [system, {"role": "user", "content": "Hi there."}]


async def go_on(proxy: RunningProxy, history: list[Json], **options: object) -> list[Json]:
    """The history after one more turn, with the next question."""
    body = {"messages": history, "max_tokens": 8, "temperature": 0, **options}
    answer = await exchange(proxy.url, "POST", CHAT, body)
    assert answer.status == 200, answer.body
    reply = answer.json()["choices"][0]["message"]
    return [*history, reply, {"role": "user", "content": "And then?"}]


@asynccontextmanager
async def in_front_of(**servers: Served) -> AsyncIterator[RunningProxy]:
    """A proxy; each backend serves the model of its own name, and any beside it."""
    several = tuple(
        NamedBackend(url=server.url, name=name, models=(name, "any"))
        for name, server in servers.items()
    )
    proxy = RunningProxy(replace(Config(), backends=several))
    try:
        yield proxy
    finally:
        await proxy.stop()


async def test_each_conversation_is_read_once(start_either: StartEither) -> None:
    async with in_front_of(a=start_either(), b=start_either()) as proxy:
        files = await go_on(proxy, opening("files"), model="a")
        mails = await go_on(proxy, opening("mails"), model="b")
        for _ in range(2):
            files = await go_on(proxy, files, model="any")
            mails = await go_on(proxy, mails, model="any")
        lines = await proxy.records()

    assert [line["backend"] for line in lines] == ["a", "b"] * 3
    assert {line["backend_reason"] for line in lines[2:]} == {"holds this conversation"}
    assert all(line["cache_ratio"] > 0.8 for line in lines[2:]), lines
    assert [line["break"] for line in lines] == [None] * 6


async def test_a_conversation_goes_on_when_its_backend_dies(start_either: StartEither) -> None:
    a, b = start_either(), start_either()
    async with in_front_of(a=a, b=b) as proxy:
        history = await go_on(proxy, opening("files"), model="any")
        a.kill()
        history = await go_on(proxy, history, model="any")
        await go_on(proxy, history, model="any")
        lines = await proxy.records()

    assert [line["backend"] for line in lines] == ["a", "b", "b"]
    assert [line["index"] for line in lines] == [0, 1, 2]
    assert lines[1]["break"]["cause"] == "other-backend"
    assert lines[2]["break"] is None
    assert lines[2]["cache_ratio"] > 0.8
