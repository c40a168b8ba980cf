"""Two real proxies on one ledger, whose requests come in turn to either: repaired as through one."""

import asyncio
import itertools
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from tests.fakes.raw_client import exchange
from tests.fakes.redis_server import RedisServer
from tests.fakes.running_proxy import DEADLINE_S, Backend, Json, RunningProxy, config_for
from tests.fakes.scripted_replies import json_response
from tests.stores.places import empty_redis
from warmprefix.config.load import load
from warmprefix.core.errors import ConfigError
from warmprefix.server.announce import Address, announce
from warmprefix.server.run import open_store
from warmprefix.stores.base import Opening
from warmprefix.stores.redis import REDIS

CHAT = "/v1/chat/completions"
TURNS = 6


def reply(number: int) -> Json:
    arguments = f'{{"number": {number},  "b": 1}}'
    function = {"name": "read", "arguments": arguments}
    call = {"id": f"call-{number}", "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def changed(said: Json) -> Json:
    """A reply as the client's session store writes it."""
    (call,) = said["tool_calls"]
    values = json.loads(call["function"]["arguments"])
    arguments = json.dumps(values, separators=(",", ":"), sort_keys=True)
    return {**said, "tool_calls": [{**call, "function": {"name": "read", "arguments": arguments}}]}


@asynccontextmanager
async def proxies(backend: Backend, addresses: Sequence[str]) -> AsyncIterator[list[RunningProxy]]:
    async with AsyncExitStack() as stack:
        running = []
        for address in addresses:
            memory = {"store": "redis", "path": address}
            config = config_for(backend.url, {"memory": memory})
            proxy = RunningProxy(config, store=open_store(config))
            stack.push_async_callback(proxy.stop)
            running.append(proxy)
        async with asyncio.timeout(DEADLINE_S):
            yield running


async def played(count: int, address: str) -> list[list[Json]]:
    """One conversation, each turn of which comes to the next of `count` proxies: what the backend was sent."""
    replies = [
        json_response(
            {"choices": [{"index": 0, "message": reply(n), "finish_reason": "tool_calls"}]}
        )
        for n in range(TURNS)
    ]
    async with Backend(*replies) as backend, proxies(backend, [address] * count) as running:
        history: list[Json] = [{"role": "user", "content": "Read."}]
        for number, proxy in zip(range(TURNS), itertools.cycle(running), strict=False):
            body = {"model": "m", "messages": history}
            assert (await exchange(proxy.url, "POST", CHAT, body)).status == 200
            await proxy.records()
            await proxy.app._store.flush()
            result = {"role": "tool", "tool_call_id": f"call-{number}", "content": "Done."}
            history = [*history, changed(reply(number)), result]
        lines: list[Any] = [line for proxy in running for line in proxy.lines()]
        indexes = sorted(line["index"] for line in lines)
        assert indexes == list(range(TURNS))
        assert len({line["conversation"] for line in lines}) == 1
        return [request.json()["messages"] for request in backend.requests]


async def test_a_conversation_may_come_to_either_of_two_proxies() -> None:
    through_one, through_two = await played(1, empty_redis()), await played(2, empty_redis())

    assert through_two == through_one
    for before, after in itertools.pairwise(through_two):
        assert after[: len(before)] == before
    said = [message["tool_calls"] for message in through_two[-1] if "tool_calls" in message]
    assert said == [reply(number)["tool_calls"] for number in range(TURNS - 1)]


async def test_an_empty_replica_that_takes_over_learns_again(server: RedisServer) -> None:
    """Two users. The server dies, a request comes meanwhile, and an empty one stands at its address; then a
    proxy that has seen nothing joins."""
    users = ("anna", "bert")
    told = [(user, n) for n in range(2 * TURNS) for user in users]
    replies = [_said_to(user, n) for user, n in told]
    async with (
        Backend(*map(_answer, replies)) as backend,
        proxies(backend, [server.url] * 3) as running,
    ):
        histories: dict[str, list[Json]] = {
            user: [{"role": "user", "content": f"Read, {user}."}] for user in users
        }
        for (user, n), message in zip(told, replies, strict=True):
            if (user, n) == ("anna", TURNS):
                server.kill()
            if (user, n) == ("anna", TURNS + 1):
                server.start()
            taking_turns = running[: 2 if n < TURNS else 3]
            proxy = taking_turns[n % len(taking_turns)]
            body = {"model": "m", "messages": histories[user]}
            key = [("Authorization", f"Bearer {user}")]
            assert (await exchange(proxy.url, "POST", CHAT, body, key)).status == 200
            await proxy.records()
            await proxy.app._store.flush()
            result = {"role": "tool", "tool_call_id": f"call-{n}", "content": f"Done, {user}."}
            histories[user] = [*histories[user], changed(message), result]
        sent = [request.json()["messages"] for request in backend.requests]

    for (user, _), messages in zip(told, sent, strict=True):
        (other,) = {*users} - {user}
        assert other not in json.dumps(messages)
    for at, user in enumerate(users):
        calls = [each["tool_calls"] for each in sent[-2 + at] if "tool_calls" in each]
        learnt = [_said_to(user, n)["tool_calls"] for n in range(TURNS + 1, 2 * TURNS - 1)]
        assert calls[TURNS + 1 :] == learnt


def _said_to(user: str, number: int) -> Json:
    """A reply whose arguments name the user, in the model's own spelling."""
    said = reply(number)
    said["tool_calls"][0]["function"]["arguments"] = f'{{"number": {number},  "b": "{user}"}}'
    return said


def _answer(message: Json) -> Any:
    return json_response(
        {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    )


async def test_without_the_server_every_turn_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    server = RedisServer()
    server.kill()
    choice = {"index": 0, "message": reply(0), "finish_reason": "tool_calls"}
    async with (
        Backend(otherwise=json_response({"choices": [choice]})) as backend,
        proxies(backend, [server.url]) as (proxy,),
    ):
        for _ in range(5):
            body = {"model": "m", "messages": [{"role": "user", "content": "Read."}]}
            assert (await exchange(proxy.url, "POST", CHAT, body)).status == 200
            await proxy.records()
            await proxy.app._store.flush()
        metrics = (await exchange(proxy.url, "GET", "/warmprefix/metrics")).body.decode()

    assert "warmprefix_ledger_entries_lost_total 5.0" in metrics
    for what in ("the ledger cannot be written", "requests go on as they come"):
        assert sum(what in message for message in caplog.messages) == 1
    server.stop()


async def test_a_server_that_is_not_there_is_named_at_the_start(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = RedisServer()
    server.kill()
    async with Backend() as backend, proxies(backend, [server.url]) as (proxy,):
        here = [Address("127.0.0.1", 8484)]
        await announce(proxy.app, here, load(None, {}, {}), observe=False, embedded=False)

    assert sum("requests go on as they come" in message for message in caplog.messages) == 1
    server.stop()


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "warmprefix.stores.redis.store", raising=False)
    monkeypatch.delitem(sys.modules, "warmprefix.stores.redis.server", raising=False)
    monkeypatch.setitem(sys.modules, "redis", None)

    with pytest.raises(ConfigError, match=r'pip install "warmprefix\[redis\]"'):
        REDIS.open(Opening("redis://127.0.0.1:1", 1, 1.0))
