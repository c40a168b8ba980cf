"""Engines without slots, as doubles by their documentation: found by asking, repaired, counted if we ask."""

import json
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from tests.fakes.engines import ENGINES, EngineDouble
from tests.fakes.raw_client import Answer, exchange
from tests.fakes.running_proxy import Backend, RunningProxy, running_proxy
from tests.fakes.scripted import Cut
from tests.fakes.scripted_replies import stream_response

CHAT, TEXT = "/v1/chat/completions", "/v1/completions"
Json = dict[str, Any]
CALL: Json = {
    "id": "c1",
    "type": "function",
    "function": {"name": "read", "arguments": '{"b": 1,  "a": 2}'},
}
RESPELLED = {**CALL, "function": {"name": "read", "arguments": '{"a":2,"b":1}'}}
FIRST: list[Json] = [
    {"role": "system", "content": "You look after a rain gauge.\n" * 20 + "Be brief."},
    {"role": "user", "content": "How much rain fell?"},
]
ENGINE = pytest.mark.parametrize("name", ENGINES)


def in_front_of(
    engine: EngineDouble, **backend: object
) -> AbstractAsyncContextManager[RunningProxy]:
    return running_proxy(engine.url, backend={"kind": "auto", **backend})


async def chat(url: str, messages: list[Json], **more: object) -> Answer:
    answer = await exchange(url, "POST", CHAT, {"model": "m", "messages": messages, **more})
    assert (answer.status, answer.complete) == (200, True)
    return answer


@ENGINE
async def test_an_engine_is_found_and_its_prompts_are_repaired(name: str) -> None:
    """The client writes the arguments of a call otherwise than they were generated."""
    reply = {"content": None, "tool_calls": [CALL]}
    result = {"role": "tool", "tool_call_id": "c1", "content": "4 mm"}
    async with EngineDouble(name, reply) as engine, in_front_of(engine) as proxy:
        await chat(proxy.url, FIRST)
        noisy = {"role": "assistant", "tool_calls": [RESPELLED]}
        await chat(proxy.url, [*FIRST, noisy, result])
        lines = await proxy.records()
        listed = (await exchange(proxy.url, "GET", "/warmprefix/api/backends")).json()

    (sent,) = engine.chats[1]["messages"][2]["tool_calls"]
    assert sent["function"]["arguments"] == CALL["function"]["arguments"]
    assert [backend["kind"] for backend in listed["backends"]] == [name]
    assert [line["index"] for line in lines] == [0, 1]
    assert [line["failed_open"] for line in lines] == [None, None]
    asked = {request.target for request in engine.requests if request.method == "GET"}
    assert asked <= {"/api/v1/health", "/props", "/v1/models", "/api/v0/models", "/", "/health"}
    cached = [line["cached_tokens"] for line in lines]
    assert cached[1] is None if name == "lm-studio" else cached[1] > 400


ASKED = {"include_usage": True}


@ENGINE
async def test_a_stream_is_counted_and_the_client_gets_what_it_would_get_directly(
    name: str,
) -> None:
    async with EngineDouble(name) as engine:
        direct = await chat(engine.url, FIRST, stream=True)
        async with in_front_of(engine, ask_usage=True) as proxy:
            through = await chat(proxy.url, FIRST, stream=True)
            line = await proxy.record()

    assert through.body == direct.body
    assert engine.chats[-1]["stream_options"] == ASKED
    assert line["prompt_tokens"] > 500
    assert line["generated_tokens"] == 3
    assert line["rules"] == []


@ENGINE
async def test_a_plain_text_is_counted_too(name: str) -> None:
    body = {"model": "m", "prompt": "It rained all day. " * 30, "stream": True}
    async with EngineDouble(name) as engine:
        direct = await exchange(engine.url, "POST", TEXT, body)
        async with in_front_of(engine, ask_usage=True) as proxy:
            through = await exchange(proxy.url, "POST", TEXT, body)
            line = await proxy.record()

    assert (through.status, through.body) == (200, direct.body)
    assert engine.chats[-1] == {**body, "stream_options": ASKED}
    assert line["prompt_tokens"] > 500
    assert line["generated_tokens"] == 3


CUTS = pytest.mark.parametrize("ends", ["whole", "cut", "stopped-inside-an-event"])


@CUTS
async def test_every_byte_passes_wherever_the_stream_is_cut(ends: str) -> None:
    """One byte a piece; in the end the backend dies, or leaves an event unfinished."""
    async with EngineDouble("sglang") as engine:
        usage = {"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 8}}
        counted = b"".join(engine.events({"role": "assistant", "content": "é"}, usage))
        plain = b"".join(engine.events({"role": "assistant", "content": "é"}, None))
    end = -len(b"NE]\n\n") if ends == "stopped-inside-an-event" else None
    pieces = [bytes([byte]) for byte in counted[:end]]
    script = stream_response(pieces, finish=ends != "cut")
    script += [Cut()] if ends == "cut" else []
    async with (
        Backend(script) as backend,
        running_proxy(backend.url, backend={"kind": "sglang", "ask_usage": True}) as proxy,
    ):
        answer = await exchange(
            proxy.url, "POST", CHAT, {"model": "m", "messages": FIRST, "stream": True}
        )
        line = await proxy.record()

    assert answer.body == plain[:end]
    assert answer.complete is (ends != "cut")
    assert line["cached_tokens"] == 8


OPTIONS: list[tuple[str, Json, object]] = [
    ("asks-itself", {"stream": True, "stream_options": ASKED}, ASKED),
    ("no-stream", {"stream": False}, None),
    ("other-options", {"stream": True, "stream_options": {"include_obfuscation": False}},
     {"include_obfuscation": False}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "sent"), [row[1:] for row in OPTIONS], ids=[r[0] for r in OPTIONS]
)
async def test_nothing_is_asked_of_who_asks_or_streams_nothing(body: Json, sent: object) -> None:
    async with EngineDouble("mlx") as engine:
        direct = await chat(engine.url, FIRST, **body)
        async with in_front_of(engine, ask_usage=True) as proxy:
            through = await chat(proxy.url, FIRST, **body)

    assert engine.chats[-1].get("stream_options") == sent
    if body["stream"]:
        assert through.body.count(b'"usage"') == direct.body.count(b'"usage"')


async def test_by_default_nothing_is_asked() -> None:
    async with EngineDouble("vllm") as engine, in_front_of(engine) as proxy:
        await chat(proxy.url, FIRST, stream=True)
        line = await proxy.record()

    assert "stream_options" not in engine.chats[0]
    assert line["prompt_tokens"] is None


async def test_a_server_that_counts_anyway_is_not_asked() -> None:
    async with (
        EngineDouble("vllm") as engine,
        running_proxy(engine.url, backend={"kind": "llamacpp", "ask_usage": True}) as proxy,
    ):
        await chat(proxy.url, FIRST, stream=True)

    assert "stream_options" not in engine.chats[0]


async def test_who_only_observes_asks_nothing() -> None:
    async with (
        EngineDouble("vllm") as engine,
        running_proxy(
            engine.url, observe=True, backend={"kind": "auto", "ask_usage": True}
        ) as proxy,
    ):
        await chat(proxy.url, FIRST, stream=True)

    assert "stream_options" not in engine.chats[0]


THOUGHT = "The gauge stands in the north."
GIVEN_BACK = {"role": "assistant", "content": "It is 4 mm.", "reasoning": THOUGHT}


@pytest.mark.parametrize("name", ["vllm", "ollama", "mlx", "lm-studio"])
async def test_reasoning_that_a_client_gives_back_reaches_an_engine_that_reads_it(
    name: str,
) -> None:
    """Without the proxy it would, and the template may print it in a tool loop."""
    async with (
        EngineDouble(name, {"content": "It is 4 mm.", "reasoning": THOUGHT}) as engine,
        in_front_of(engine) as proxy,
    ):
        await chat(proxy.url, FIRST)
        more = [*FIRST, {**GIVEN_BACK, "finish_reason": "stop"}, {"role": "user", "content": "So?"}]
        await chat(proxy.url, more)
        lines = await proxy.records()

    assert engine.chats[1]["messages"][2] == GIVEN_BACK
    assert [line["index"] for line in lines] == [0, 1]


async def test_what_was_not_changed_goes_out_as_it_came_reasoning_included() -> None:
    """The order of the members and the blanks are the client's."""
    body = json.dumps({"model": "m", "messages": [*FIRST, GIVEN_BACK, FIRST[1]]}).encode()
    async with EngineDouble("vllm") as engine, in_front_of(engine) as proxy:
        await exchange(proxy.url, "POST", CHAT, body)

    assert engine.requests[-1].body == body


async def test_the_time_to_the_first_text_is_that_of_the_reasoning() -> None:
    says = {"reasoning": THOUGHT}
    async with EngineDouble("vllm", says) as engine, in_front_of(engine) as proxy:
        await chat(proxy.url, FIRST, stream=True)
        line = await proxy.record()

    assert line["ttft_ms"] is not None
