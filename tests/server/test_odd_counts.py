"""Counts and times that no backend can have: the reply is whole, and what is logged and summed stays sane."""

import json
from math import isfinite

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Backend, RunningProxy, running_proxy
from tests.fakes.scripted_replies import (
    chat_reply,
    chat_stream,
    dump,
    json_response,
    stream_response,
    timings,
)

CHAT = "/v1/chat/completions"
HISTORY = [{"role": "user", "content": "What is it?"}]
MOST = 2**31
LONGEST_MS = 31 * 24 * 3600 * 1000

TIMES = [
    "0", "-0.0", "1e-310", "5e-324", "-1e-310", "-5", "1e308", "-1e308", "1e999", "3e9",
    "NaN", "Infinity", "-Infinity", "true", '"12"', "null", "[1]", "{}",
]  # fmt: skip
COUNTS = [
    "-1", "2147483648", "9007199254740993", "9223372036854775807", "9223372036854775808",
    "18446744073709551615", "18446744073709551616", "-9223372036854775808", "1" + "0" * 400,
    "1e3", "1e308", "0.5", "NaN", "Infinity", "true", '"42"', "null", "[1]", "{}",
]  # fmt: skip
COUNTED = (
    "cache_n",
    "prompt_n",
    "predicted_n",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
)
TIMED = ("prompt_ms", "predicted_ms", "prompt_per_token_ms", "prompt_per_second")
CASES = [(TIMED, text) for text in TIMES] + [(COUNTED, text) for text in COUNTS]


def with_odd(reply: bytes, names: tuple[str, ...], text: str) -> bytes:
    """A reply in which these members have another value, written as it is."""
    for name in names:
        reply = reply.replace(f'"{name}":"odd"'.encode(), f'"{name}":{text}'.encode())
    return reply


def marked(value: object, names: tuple[str, ...]) -> object:
    """A value whose members of these names are to be replaced."""
    if isinstance(value, dict):
        return {k: "odd" if k in names else marked(v, names) for k, v in value.items()}
    return [marked(one, names) for one in value] if isinstance(value, list) else value


def events(names: tuple[str, ...], text: str, *, include_usage: bool) -> list[bytes]:
    """A streamed reply that evaluated enough tokens to say something of the rate."""
    counts = timings(1000, 30, 8)
    lines = chat_stream(["h", "i"], timings=counts, include_usage=include_usage)
    found = []
    for line in lines:
        data = line.removeprefix(b"data: ").rstrip()
        if data.startswith(b"{"):
            data = with_odd(dump(marked(json.loads(data), names)), names, text)
        found.append(b"data: " + data + b"\n\n")
    return found


def refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


async def sane_sums(proxy: RunningProxy) -> None:
    """Every metric is a number that such a turn can have."""
    page = (await exchange(proxy.url, "GET", "/warmprefix/metrics")).body.decode()
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            assert isfinite(sample.value), sample
            assert 0 <= sample.value <= 4 * MOST, sample
    assert "warmprefix_tasks_failed_total 0.0" in page
    failed = [line for line in page.splitlines() if line.startswith("warmprefix_fail_open_total")]
    assert failed
    assert all(line.endswith(" 0.0") for line in failed), failed


def is_count(value: object) -> bool:
    return value is None or (type(value) is int and 0 <= value < MOST)


def is_time(value: object) -> bool:
    return value is None or (type(value) is float and 0 <= value <= LONGEST_MS)


@pytest.mark.parametrize("mode", ["whole", "stream", "stream-usage"])
@pytest.mark.parametrize(
    ("names", "text"), CASES, ids=[f"{names[0]}={text:.24}" for names, text in CASES]
)
async def test_odd_numbers_cut_nothing(names: tuple[str, ...], text: str, mode: str) -> None:
    """Two turns of a conversation: what the first one left is used in the second."""
    if mode == "whole":
        reply = with_odd(dump(marked(chat_reply("hi", 1000, 30), names)), names, text)
        script = json_response(reply)
    else:
        pieces = events(names, text, include_usage=mode == "stream-usage")
        reply, script = b"".join(pieces), stream_response(pieces)
    body = {"messages": HISTORY, "stream": mode != "whole"}
    following = [{"role": "assistant", "content": "hi"}, *HISTORY]

    async with Backend(script, script) as backend, running_proxy(backend.url) as proxy:
        first = await exchange(proxy.url, "POST", CHAT, body)
        second = await exchange(proxy.url, "POST", CHAT, {**body, "messages": HISTORY + following})
        await proxy.records()
        await sane_sums(proxy)

    lines = [json.loads(x, parse_constant=refuse) for x in proxy.output.getvalue().splitlines()]
    assert [answer.body for answer in (first, second)] == [reply, reply]
    assert first.complete
    assert second.complete
    assert [line["outcome"] for line in lines] == ["ok", "ok"]
    for line in lines:
        assert all(is_count(line[f"{name}_tokens"]) for name in ("prompt", "cached", "processed"))
        assert is_count(line["generated_tokens"])
        assert is_time(line["prompt_ms"])
        assert is_time(line["generate_ms"])
