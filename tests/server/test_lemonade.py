"""Lemonade Server behind the proxy: its own ways arrive unharmed, its traps are avoided.

Facts: Lemonade Server 2026.39.1, as the double has them (tests/servers/test_lemonade_double.py).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.fakes.lemonade import Counts, Failure, LemonadeDouble, LemonadeOptions, Reply
from tests.fakes.lemonade_errors import WATCHDOG
from tests.fakes.raw_client import Answer, exchange
from tests.fakes.running_proxy import DEADLINE_S, Json, RunningProxy, running_proxy

MODEL = LemonadeOptions().models[0]
CHAT = "/api/v1/chat/completions"
KIND = {"kind": "lemonade"}
SYSTEM = {"role": "system", "content": ("Be brief. " * 20).strip()}
FIRST = {"role": "user", "content": ("How are you? " * 5).strip()}
REPLY = {"role": "assistant", "content": "Say hi."}
SECOND = {"role": "user", "content": "And now?"}


@asynccontextmanager
async def proxied(
    options: LemonadeOptions | None = None,
    reply: str | Reply = "Say hi.",
    server: dict[str, object] | None = None,
) -> AsyncIterator[tuple[LemonadeDouble, RunningProxy]]:
    """Lemonade, and a proxy in front of it."""
    async with (
        LemonadeDouble(options, lambda _: reply) as lemonade,
        running_proxy(lemonade.url, backend=KIND, server=server or {}) as proxy,
        asyncio.timeout(DEADLINE_S),
    ):
        yield lemonade, proxy


async def ask(url: str, *messages: Json, **fields: object) -> Answer:
    """One chat request on a connection of its own."""
    body = {"model": MODEL, "messages": [SYSTEM, FIRST, *messages], **fields}
    return await exchange(url, "POST", CHAT, body)


async def test_pings_before_and_between_events_pass_and_count_for_nothing() -> None:
    options = LemonadeOptions(prefill_s=0.07, ping_every_s=0.02)
    async with proxied(options) as (lemonade, proxy):
        direct = await ask(lemonade.url, stream=True, cache_prompt=False)
        through = await ask(proxy.url, stream=True, cache_prompt=False)
        record = await proxy.record()

    assert through.body == direct.body
    assert through.events()[:3] == [": ping"] * 3
    assert record["ttft_ms"] >= 60
    assert record["outcome"] == "ok"


async def test_an_answer_with_sorted_keys_arrives_as_it_is() -> None:
    async with proxied() as (lemonade, proxy):
        direct = await ask(lemonade.url, cache_prompt=False)
        through = await ask(proxy.url, cache_prompt=False)

    assert through.body == direct.body
    assert through.body.startswith(b'{"choices":')
    assert [pair for pair in through.headers if pair[0].lower() == "vary"] == [("Vary", "Origin")]


@pytest.mark.parametrize("prefix", ["/api/v0", "/api/v1", "/v0", "/v1"])
@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="whole"),
        pytest.param({"stream": True}, id="stream"),
        pytest.param({"stream": True, "stream_options": {"include_usage": True}}, id="usage"),
    ],
)
async def test_the_counts_are_lemonades_own(prefix: str, fields: Json) -> None:
    async with proxied() as (lemonade, proxy):
        body = {"model": MODEL, "messages": [SYSTEM, FIRST], **fields}
        for _ in range(2):
            await exchange(proxy.url, "POST", f"{prefix}/chat/completions", body)
        records = await proxy.records()

    assert [counted(record) for record in records] == [counts_of(c) for c in lemonade.counts]
    assert records[1]["cached_tokens"] == records[1]["prompt_tokens"] - 1


def counted(record: Json) -> tuple[object, ...]:
    """The four counts of a line."""
    names = ("prompt_tokens", "cached_tokens", "processed_tokens", "generated_tokens")
    return tuple(record[name] for name in names)


def counts_of(counts: Counts) -> tuple[object, ...]:
    """The same four as the double counted them."""
    return (counts.prompt, counts.cached, counts.processed, counts.generated)


async def test_a_model_that_is_not_there_is_told_as_lemonade_tells_it() -> None:
    async with proxied() as (lemonade, proxy):
        direct = await ask(lemonade.url, model="nope")
        through = await ask(proxy.url, model="nope")
        record = await proxy.record()

    assert (through.status, through.body) == (direct.status, direct.body)
    assert (record["status"], record["outcome"]) == (404, "backend_error")


async def test_an_error_that_is_a_string_is_one_in_the_log() -> None:
    async with proxied(LemonadeOptions(loaded=None)) as (_, proxy):
        answer = await exchange(proxy.url, "POST", CHAT, {"messages": [SYSTEM, FIRST]})
        record = await proxy.record()

    assert answer.json() == {"error": "No model loaded and no model specified in request"}
    assert (record["status"], record["outcome"]) == (400, "backend_error")


async def test_an_error_inside_a_stream_is_one_in_the_log_and_adds_nothing() -> None:
    async with proxied() as (lemonade, proxy):
        lemonade.fail_next(Failure(WATCHDOG, after_deltas=1))
        answer = await ask(proxy.url, stream=True)
        record = await proxy.record()

    assert answer.status == 200
    assert answer.complete
    assert "error" in answer.events()[-1]
    assert (record["status"], record["outcome"]) == (200, "backend_error")


@pytest.mark.parametrize("path", [CHAT, "/api/v1/models"], ids=["chat", "passthrough"])
async def test_a_browsers_origin_that_is_allowed_is_not_shown_to_lemonade(path: str) -> None:
    """It answers a foreign one with 403."""
    method = "POST" if path == CHAT else "GET"
    body = {"model": MODEL, "messages": [FIRST]} if path == CHAT else None
    origin = [("Origin", "http://my-box.local:3000")]
    async with proxied(server={"allowed_hosts": ["my-box.local"]}) as (lemonade, proxy):
        direct = await exchange(lemonade.url, method, path, body, origin)
        through = await exchange(proxy.url, method, path, body, origin)

    assert direct.status == 403
    assert through.status == 200


async def test_an_origin_as_the_only_header_is_not_shown_either() -> None:
    """A request of which nothing is left to forward has no headers, not all of them."""
    async with proxied() as (_, proxy):
        answer = await exchange(proxy.url, "GET", "/live", headers=[("Origin", "http://e.example")])

    assert answer.status == 200


@dataclass(frozen=True)
class Thinking:
    """Options of a request, and what Lemonade must get of them."""

    id: str
    options: Json
    sent: Json


OFF = {"chat_template_kwargs": {"enable_thinking": False}, "reasoning_effort": "none"}
SWITCHED_OFF = [
    Thinking("enable_thinking", {"enable_thinking": False}, OFF),
    Thinking("thinking", {"thinking": False}, OFF),
    Thinking("thinking-object", {"thinking": {"type": "disabled"}}, OFF),
    Thinking("both", {"enable_thinking": False, "thinking": {"type": "disabled"}}, OFF),
    Thinking(
        "options-kept",
        {"enable_thinking": False, "chat_template_kwargs": {"custom": [1, 2]}},
        {**OFF, "chat_template_kwargs": {"enable_thinking": False, "custom": [1, 2]}},
    ),
    Thinking(
        "clients-own-control-wins",
        {"enable_thinking": False, "chat_template_kwargs": {"enable_thinking": True}},
        {**OFF, "chat_template_kwargs": {"enable_thinking": True}},
    ),
    Thinking(
        "effort-kept",
        {"enable_thinking": False, "reasoning_effort": "low"},
        {**OFF, "reasoning_effort": "low"},
    ),
    Thinking("options-null", {"thinking": False, "chat_template_kwargs": None}, OFF),
]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("case", SWITCHED_OFF, ids=lambda case: case.id)
async def test_thinking_is_switched_off_without_a_mark_in_the_messages(
    case: Thinking, stream: bool
) -> None:
    """Two turns in a row keep the whole history cached, which they do not without the proxy."""
    turns: list[tuple[Json, ...]] = [(), (REPLY, SECOND)]
    options = {**case.options, "stream": stream}
    async with proxied() as (lemonade, proxy):
        for turn in turns:
            await ask(proxy.url, *turn, **options)
        through = lemonade.counts[-1]
        kept = lemonade.counts[0].prompt + len(REPLY["content"])
        seen = lemonade.seen[0]
    async with LemonadeDouble() as lemonade:
        for turn in turns:
            await ask(lemonade.url, *turn, **options)
        direct = lemonade.counts[-1]

    assert {name: seen[name] for name in case.sent} == case.sent
    assert not {"enable_thinking", "thinking"} & set(seen)
    assert seen["messages"] == [SYSTEM, FIRST]
    assert through.cached >= kept
    assert through.cached > direct.cached
    assert through.processed < direct.processed


UNTOUCHED = [
    Thinking("on", {"enable_thinking": True}, {}),
    Thinking("thinking-on", {"thinking": {"type": "enabled"}}, {}),
    Thinking("silent", {}, {}),
    Thinking("no-boolean", {"enable_thinking": None}, {}),
    Thinking("native", OFF, OFF),
    Thinking("options-no-object", {"enable_thinking": True, "chat_template_kwargs": "x"}, {}),
]


@pytest.mark.parametrize("case", UNTOUCHED, ids=lambda case: case.id)
async def test_other_thinking_options_are_none_of_our_business(case: Thinking) -> None:
    body: Any = {"model": MODEL, "messages": [FIRST], **case.options}
    async with proxied() as (lemonade, proxy):
        await exchange(proxy.url, "POST", CHAT, body)
        asked = [request for request in lemonade.requests if request.method == "POST"]

    assert asked[0].json() == body


async def test_what_is_behind_a_url_is_found_out_by_asking() -> None:
    async with (
        LemonadeDouble() as lemonade,
        running_proxy(lemonade.url, backend={"kind": "auto"}) as proxy,
    ):
        await ask(proxy.url, enable_thinking=False)
        name = proxy.app.known.name

    assert name == "lemonade"
    assert "enable_thinking" not in lemonade.seen[0]


async def test_a_compressed_list_of_models_stays_compressed() -> None:
    accept = [("Accept-Encoding", "gzip")]
    async with proxied() as (lemonade, proxy):
        direct = await exchange(lemonade.url, "GET", "/api/v1/models", headers=accept)
        through = await exchange(proxy.url, "GET", "/api/v1/models", headers=accept)

    assert through.header("content-encoding") == "gzip"
    assert through.body == direct.body


async def test_connections_that_lemonade_ends_are_no_error() -> None:
    """It closes after so many requests and after idling; both are announced."""
    async with proxied(LemonadeOptions(max_requests=2)) as (lemonade, proxy):
        statuses = [(await ask(proxy.url)).status for _ in range(5)]

    assert statuses == [200] * 5
    assert len(lemonade.counts) == 5
