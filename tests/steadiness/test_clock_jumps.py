"""A wall clock that jumps, back a day and forward a year: nothing is lost and nothing is negative."""

import asyncio
import time
from datetime import datetime
from pathlib import Path

import pytest

from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import DEADLINE_S, Backend, Json, running_proxy
from tests.fakes.scripted import Script, Wait
from tests.fakes.scripted_http import Request
from tests.fakes.scripted_replies import chat_stream, stream_response, tool_call_deltas
from warmprefix.stores.base import Store
from warmprefix.stores.memory import MemoryStore
from warmprefix.stores.sqlite.store import SqliteStore

CHAT = "/v1/chat/completions"
DAY_S, YEAR_S = 86_400.0, 365 * 86_400.0
ARGUMENTS = '{"b": 1,  "a": 2}'
TIMES = ("ttft_ms", "total_ms", "proxy_ms", "prompt_ms", "generate_ms")


class Clock:
    """A wall clock that can be set, in place of `time.time`."""

    def __init__(self) -> None:
        self.ahead_s = 0.0
        self._real = time.time

    def __call__(self) -> float:
        return self._real() + self.ahead_s


def open_store(kind: str, path: Path, clock: Clock, max_bytes: int, max_age_s: float) -> Store:
    """A store whose ages are taken from the clock."""
    if kind == "memory":
        return MemoryStore(max_bytes, max_age_s, clock)
    return SqliteStore(path / "ledger.db", max_bytes, max_age_s, clock, front_bytes=0)


def reply_with_a_call(number: int) -> list[bytes]:
    """A streamed reply with one call, its arguments spelled as no client would write them."""
    call = tool_call_deltas("f", [ARGUMENTS], f"call{number:05}")
    return chat_stream([], late_deltas=call, finish_reason="tool_calls")


def history(turns: int) -> list[Json]:
    """What a client sends that wrote the arguments anew, after so many turns."""
    messages: list[Json] = [{"role": "user", "content": "begin"}]
    for number in range(turns):
        function = {"name": "f", "arguments": '{"a":2,"b":1}'}
        call = {"id": f"call{number:05}", "type": "function", "function": function}
        messages += [
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call["id"], "content": f"result {number}"},
        ]
    return messages


def arguments_in(request: Request) -> list[str]:
    """The arguments of all calls that the backend got."""
    return [
        call["function"]["arguments"]
        for message in request.json()["messages"]
        for call in message.get("tool_calls", ())
    ]


JUMPS = [0.0, -DAY_S, 0.0, YEAR_S, YEAR_S, 0.0, -YEAR_S, YEAR_S]
"""How far the clock is off at each turn."""


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_a_conversation_goes_on_over_every_jump(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its replies are restored each time, and a turn stands in the log in the order in which it ended."""
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    monkeypatch.setattr(
        "tests.fakes.running_proxy.MemoryStore",
        lambda max_bytes, max_age_s: open_store(kind, tmp_path, clock, max_bytes, max_age_s),
    )
    scripts = [stream_response(reply_with_a_call(number)) for number in range(len(JUMPS))]
    async with (
        Backend(*scripts) as backend,
        running_proxy(backend.url) as proxy,
        asyncio.timeout(DEADLINE_S),
    ):
        for number, jump_s in enumerate(JUMPS):
            clock.ahead_s = jump_s
            body = {"messages": history(number), "stream": True}
            answer = await exchange(proxy.url, "POST", CHAT, body)
            assert answer.complete
        records = await proxy.records()
        metrics = await exchange(proxy.url, "GET", "/warmprefix/metrics")

    assert [arguments_in(request) for request in backend.requests] == [
        [ARGUMENTS] * number for number in range(len(JUMPS))
    ]
    assert [record["index"] for record in records] == list(range(len(JUMPS)))
    assert {record["kind"] for record in records[1:]} == {"append"}
    assert all(datetime.fromisoformat(record["time"]) for record in records)
    assert [record["time"][:4] for record in records] == [
        f"{datetime.fromtimestamp(clock() - clock.ahead_s + jump_s).year}" for jump_s in JUMPS
    ]
    assert all((record[name] or 0) >= 0 for record in records for name in TIMES)
    values = [line.rsplit(b" ", 1)[1] for line in metrics.body.splitlines() if line[:1] != b"#"]
    assert min(map(float, values)) >= 0


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_what_was_used_in_the_future_is_not_too_old_afterwards(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that was a year ahead for one turn: the conversation of that turn is still known."""
    clock = Clock()
    monkeypatch.setattr(
        "tests.fakes.running_proxy.MemoryStore",
        lambda max_bytes, max_age_s: open_store(kind, tmp_path, clock, max_bytes, max_age_s),
    )
    called = stream_response(reply_with_a_call(0))
    other = {"messages": [{"role": "user", "content": "another"}], "stream": True}
    async with (
        Backend(otherwise=called) as backend,
        running_proxy(backend.url) as proxy,
        asyncio.timeout(DEADLINE_S),
    ):
        for jump_s, body in ((YEAR_S, history(0)), (0.0, None), (-DAY_S, None), (0.0, history(1))):
            clock.ahead_s = jump_s
            asked = other if body is None else {"messages": body, "stream": True}
            await exchange(proxy.url, "POST", CHAT, asked)
            await proxy.app._store.flush()
        last = (await proxy.records())[-1]

    assert arguments_in(backend.requests[-1]) == [ARGUMENTS]
    assert (last["index"], last["restored"]) == (1, ["arguments"])


async def test_a_jump_during_a_reply_makes_no_time_negative(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Durations are not taken from the wall clock."""
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    events = chat_stream(["a", "b", "c"])

    def script(_: Request) -> Script:
        jumps = iter((-YEAR_S, YEAR_S, -DAY_S, 0.0, DAY_S, -DAY_S))
        for step in stream_response(events):
            clock.ahead_s = next(jumps, 0.0)
            yield step
            yield Wait(0.005)

    async with Backend(script) as backend, running_proxy(backend.url) as proxy:
        body = {"messages": [{"role": "user", "content": "hi"}], "stream": True}
        answer = await exchange(proxy.url, "POST", CHAT, body)
        record = await proxy.record()

    assert answer.body == b"".join(events)
    assert record["outcome"] == "ok"
    assert 0 <= record["proxy_ms"] <= record["ttft_ms"] <= record["total_ms"] < DEADLINE_S * 1000
