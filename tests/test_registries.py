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
    running_proxy,
)
from tests.fakes.scripted_replies import json_response
from tests.fakes.toy_kind import PAGES, ToyServer, toy_kind
from tests.fakes.toy_store import ADDRESS, ToyEngine
from warmprefix.backends.ask import ask
from warmprefix.backends.base import EVERYTHING, Ability
from warmprefix.backends.kinds import KINDS
from warmprefix.config import load
from warmprefix.config.schema import KEYS, TABLE_KEYS
from warmprefix.core.doctor.findings import Settings, judge
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


def test_the_settings_take_what_the_registry_of_kinds_holds() -> None:
    names = tuple(kind.name for kind in KINDS)

    assert KEYS["backend.kind"].choices == TABLE_KEYS["kind"].choices == ("auto", *names)
    for name in names:
        assert load(None, {"WARMPREFIX_BACKEND__KIND": name}, {}).config.backend.kind == name
    with pytest.raises(ConfigError, match="lemonade"):
        load(None, {"WARMPREFIX_BACKEND__KIND": "lemonad"}, {})


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


IN_A_CHAT: frozenset[Ability] = frozenset({"counts", "progress"})
"""Abilities for which no page is asked."""

CAN: dict[str, frozenset[Ability]] = {
    "nothing": frozenset(),
    "props": frozenset({"props"}),
    "render": frozenset({"props", "render"}),
    "slots": frozenset({"props", "slots"}),
    "save": frozenset({"props", "slots", "save"}),
    "everything": EVERYTHING,
}


def wanted(server: ToyServer) -> set[str]:
    """What the server must be able to do for all that it was asked."""
    return {PAGES[path] for path in server.asked if path in PAGES}


@pytest.mark.parametrize("can", CAN.values(), ids=CAN.keys())
@pytest.mark.parametrize("configured", ["auto", "toy"])
async def test_a_toy_kind_is_asked_for_what_it_can_do_and_for_nothing_else(
    can: frozenset[Ability], configured: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warmprefix.backends.kinds.KINDS", (toy_kind(can), *KINDS))
    async with (
        ToyServer() as server,
        running_proxy(server.url, backend={"kind": configured}) as proxy,
        asyncio.timeout(DEADLINE_S),
    ):
        await proxy.ready()
        assert await chat(proxy, FIRST) == 200
        assert await chat(proxy, SECOND) == 200
        await proxy.records()
        listed = (await exchange(proxy.url, "GET", "/warmprefix/api/backends")).json()

        await proxy.app.known.render(b"{}")  # as a question about a break would
        assert wanted(server) == can - IN_A_CHAT
        assert server.asked.count("/toy") == (configured == "auto")
        assert [backend["kind"] for backend in listed["backends"]] == ["toy"]


async def test_a_toy_kind_gets_requests_as_it_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warmprefix.backends.kinds.KINDS", (toy_kind(()), *KINDS))
    async with (
        ToyServer() as server,
        running_proxy(server.url, backend={"kind": "auto"}) as proxy,
        asyncio.timeout(DEADLINE_S),
    ):
        body = {"model": "m", "seed": 1, "messages": FIRST}
        assert (await exchange(proxy.url, "POST", CHAT, body)).status == 200

    ((request, sent),) = server.chats
    assert request.header("x-toy") == "1"
    assert sent == {"model": "m", "messages": FIRST, "toy": True}


@pytest.mark.parametrize("can", CAN.values(), ids=CAN.keys())
async def test_the_doctor_asks_a_toy_kind_for_what_it_can_do(
    can: frozenset[Ability], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warmprefix.backends.kinds.KINDS", (toy_kind(can), *KINDS))
    async with ToyServer() as server, asyncio.timeout(DEADLINE_S):
        server.requests.clear()
        facts = await ask(server.url)
        asked = wanted(server)
        findings = judge(facts, Settings("llamacpp"))

    assert facts.kind == "toy"
    assert (facts.server is not None) is ("props" in can)
    assert asked - {"props"} == can - {*IN_A_CHAT, "props", "evaluate"}
    assert any("it answers as toy" in finding.what for finding in findings)
