"""What a registry names is all there is: a toy in one file, added to it, works in the whole application."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import (
    DEADLINE_S,
    Backend,
    Json,
    RunningProxy,
    config_for,
)
from tests.fakes.scripted_replies import json_response
from tests.fakes.toy_store import ADDRESS, ToyEngine
from warmprefix.config import load
from warmprefix.config.schema import KEYS
from warmprefix.core.errors import ConfigError
from warmprefix.server.run import open_store
from warmprefix.stores import STORES

CHAT = "/v1/chat/completions"
CALL: Json = {
    "id": "c1",
    "type": "function",
    "function": {"name": "read", "arguments": '{"b": 1,  "a": 2}'},
}
REPLY: Json = {"role": "assistant", "content": None, "tool_calls": [CALL]}
FIRST: list[Json] = [{"role": "user", "content": "Read."}]
CHANGED = CALL | {"function": {"name": "read", "arguments": '{"a":2,"b":1}'}}
SECOND: list[Json] = [
    *FIRST,
    REPLY | {"tool_calls": [CHANGED]},
    {"role": "tool", "tool_call_id": "c1", "content": "Done."},
]
"""The client writes the arguments of the call otherwise than they were generated."""


def test_the_settings_take_what_the_registry_of_stores_holds() -> None:
    names = tuple(kind.name for kind in STORES)

    assert KEYS["memory.store"].choices == names
    assert KEYS["memory.store"].default == names[0]
    for name in names:
        assert load(None, {"WARMPREFIX_MEMORY__STORE": name}, {}).config.memory.store == name
    with pytest.raises(ConfigError, match="sqlite"):
        load(None, {"WARMPREFIX_MEMORY__STORE": "sqllite"}, {})


@asynccontextmanager
async def on_toy_store(
    backend: Backend, engine: ToyEngine, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RunningProxy]:
    """A proxy with its ledger in the toy engine, opened as `warmprefix serve` opens it."""
    monkeypatch.setattr("warmprefix.stores.STORES", (*STORES, engine.kind))
    memory = {"store": "toy", "path": ADDRESS}
    config = config_for(backend.url, {"memory": memory})
    proxy = RunningProxy(config, store=open_store(config))
    try:
        async with asyncio.timeout(DEADLINE_S):
            yield proxy
    finally:
        engine.answers.set()
        await proxy.stop()


async def chat(proxy: RunningProxy, messages: list[Json]) -> int:
    body = {"model": "m", "messages": messages}
    return (await exchange(proxy.url, "POST", CHAT, body)).status


def replying() -> Backend:
    choice = {"index": 0, "message": REPLY, "finish_reason": "tool_calls"}
    return Backend(otherwise=json_response({"choices": [choice]}))


async def test_a_toy_store_keeps_the_ledger_from_one_proxy_to_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second proxy knows the reply of the first, and sends its arguments as they were generated."""
    engine = ToyEngine()
    async with replying() as backend:
        async with on_toy_store(backend, engine, monkeypatch) as proxy:
            assert await chat(proxy, FIRST) == 200
            await proxy.records()
        async with on_toy_store(backend, engine, monkeypatch) as proxy:
            assert await chat(proxy, SECOND) == 200
            line = await proxy.record()

    (call,) = backend.requests[-1].json()["messages"][1]["tool_calls"]
    assert call["function"]["arguments"] == CALL["function"]["arguments"]
    assert line["index"] == 1


@pytest.mark.parametrize("trouble", ["gone", "hangs"])
async def test_an_engine_in_trouble_costs_the_memory_and_no_request(
    trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = ToyEngine(front_bytes=0)
    engine.is_down = trouble == "gone"
    if trouble == "hangs":
        engine.answers.clear()
    async with (
        replying() as backend,
        on_toy_store(backend, engine, monkeypatch) as proxy,
    ):
        assert [await chat(proxy, messages) for messages in (FIRST, SECOND)] == [200, 200]
        metrics = (await exchange(proxy.url, "GET", "/warmprefix/metrics")).body.decode()

    counted = re.search(r'warmprefix_fail_open_total\{reason="store"\} (\d+)', metrics)
    assert counted is not None
    assert int(counted[1]) >= 1
    assert len(backend.requests) == 2
