"""The Lemonade double behaves as the server it stands for, row by row of what was observed.

Source of all rows, unless named: Lemonade Server at e385039ed (v11.7.0) with llama-server 7e4c0a9. That
its answers are still those of the newest one: tests/servers/test_lemonade_double.py.
"""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.fakes.lemonade import Counts, LemonadeDouble, LemonadeOptions, Reply
from tests.fakes.raw_client import Answer, exchange

MODEL, OTHER = LemonadeOptions().models
CHAT = "/v1/chat/completions"
USER = {"role": "user", "content": "How are you?"}
SYSTEM = {"role": "system", "content": "You are helpful. " * 10}
NATIVE = {"reasoning_effort": "none", "chat_template_kwargs": {"enable_thinking": False}}


def body(*more: dict[str, Any], **fields: object) -> dict[str, Any]:
    """A chat request: system, one user message, and `more`."""
    return {"model": MODEL, "messages": [SYSTEM, USER, *more], **fields}


async def ask(lemonade: LemonadeDouble, **fields: object) -> Answer:
    """One chat request on a connection of its own."""
    return await exchange(lemonade.url, "POST", CHAT, body(**fields))


async def count(lemonade: LemonadeDouble, request: dict[str, Any]) -> Counts:
    """Token counts of one chat request."""
    await exchange(lemonade.url, "POST", CHAT, request)
    return lemonade.counts[-1]


NEXT = ({"role": "assistant", "content": "Say hi."}, {"role": "user", "content": "And now?"})


@dataclass(frozen=True)
class Turns:
    """Two requests; `kept`: the second reuses the first prompt whole."""

    id: str
    first: dict[str, Any]
    second: dict[str, Any]
    kept: bool
    start: dict[str, Any] = field(default_factory=dict)


OFF: dict[str, Any] = {"enable_thinking": False}
TURNS = [
    Turns("appended", body(), body(*NEXT), kept=True),
    Turns("no-think", body(**OFF), body(*NEXT, **OFF), kept=False),
    Turns("thinking-false", body(thinking=False), body(*NEXT, thinking=False), kept=False),
    Turns("native-controls", body(**NATIVE), body(*NEXT, **NATIVE), kept=True),
    Turns("enable-true", body(), body(*NEXT, enable_thinking=True), kept=True),
    Turns("latest", body(), {**body(*NEXT), "model": f"{MODEL}:latest"}, kept=True),
    Turns("another-model", body(), {**body(*NEXT), "model": OTHER}, kept=False),
]


@pytest.mark.parametrize("case", TURNS, ids=[case.id for case in TURNS])
async def test_which_second_turn_keeps_the_prefix(case: Turns) -> None:
    async with LemonadeDouble() as lemonade:
        first = await count(lemonade, case.first)
        second = await count(lemonade, case.second)

    assert first.cached == 0
    assert (second.cached >= first.prompt) is case.kept
    assert second.cached + second.processed == second.prompt


async def test_no_think_breaks_at_the_previous_last_user_message() -> None:
    async with LemonadeDouble() as lemonade:
        await count(lemonade, body(enable_thinking=False))
        second = await count(lemonade, body(*NEXT, enable_thinking=False))

        prompt = lemonade.engine.prompts[1]
        assert prompt[: second.cached].endswith("<|im_start|>user\n")
        assert "enable_thinking" not in lemonade.seen[1]
        assert {**lemonade.seen[1], **NATIVE} == lemonade.seen[1]
        assert [m["content"] for m in lemonade.seen[1]["messages"]][1::2] == [
            "How are you?",
            "/no_think\nAnd now?",
        ]


async def test_no_think_passes_over_content_in_parts() -> None:
    """Source: thinking_controls.cpp `prepend_no_think_to_last_user_message`."""
    parts = {"role": "user", "content": [{"type": "text", "text": "hm"}]}
    async with LemonadeDouble() as lemonade:
        await count(lemonade, body(parts, thinking={"type": "disabled"}))

        assert lemonade.seen[0]["messages"][1]["content"] == "/no_think\nHow are you?"
        assert lemonade.seen[0]["messages"][2] == {
            "role": "user",
            "content": [{"text": "hm", "type": "text"}],
        }


@pytest.mark.parametrize("width", [1, 4])
async def test_one_token_is_always_evaluated(width: int) -> None:
    async with LemonadeDouble(LemonadeOptions(characters_per_token=width)) as lemonade:
        first = await count(lemonade, body())
        again = await count(lemonade, body())

    assert (again.cached, again.processed) == (first.prompt - 1, 1)


async def test_the_order_of_schema_keys_is_harmless_and_the_order_of_tools_is_not() -> None:
    def tool(name: str, *types: str) -> dict[str, Any]:
        parameters = {key: {"type": "string"} for key in types}
        return {"type": "function", "function": {"name": name, "parameters": parameters}}

    async with LemonadeDouble() as lemonade:
        first = await count(lemonade, body(tools=[tool("f", "a", "b"), tool("g")]))
        keys = await count(lemonade, body(tools=[tool("f", "b", "a"), tool("g")]))
        tools = await count(lemonade, body(tools=[tool("g"), tool("f", "a", "b")]))

    assert keys.processed == 1
    assert tools.cached < first.prompt / 2


async def test_erasures_and_pins() -> None:
    now = [0.0]
    options = LemonadeOptions(
        erase_after_idle_s=60, clock=lambda: now[0], slots=2, saves_slots=True
    )
    async with LemonadeDouble(options) as lemonade:
        await count(lemonade, body())
        now[0] = 59
        assert (await count(lemonade, body())).processed == 1
        now[0] = 120
        assert (await count(lemonade, body())).cached == 0
        lemonade.erase_idle_slots()
        assert (await count(lemonade, body(id_slot=5))).cached == 0
        assert lemonade.counts[-1].slot == 1
        answer = await exchange(lemonade.url, "POST", "/v1/slots/1?action=erase")
        assert answer.json()["n_erased"] > 0
        assert (await count(lemonade, body())).cached == 0


@pytest.mark.parametrize("prefix", ["/api/v0", "/api/v1", "/v0", "/v1"])
async def test_answers_have_the_headers_in_order_and_sorted_keys(prefix: str) -> None:
    async with LemonadeDouble() as lemonade:
        answer = await exchange(lemonade.url, "POST", f"{prefix}/chat/completions", body())

    names = [name for name, _ in answer.headers]
    assert names == [
        "Keep-Alive",
        "Access-Control-Allow-Methods",
        "Access-Control-Allow-Headers",
        "Vary",
        "Content-Type",
        "Content-Length",
    ]
    assert answer.header("keep-alive") == "timeout=5, max=100"
    assert answer.body == json.dumps(answer.json(), sort_keys=True, separators=(",", ":")).encode()
    assert answer.json()["model"] == MODEL
    assert answer.json()["usage"]["prompt_tokens_details"] == {"cached_tokens": 0}


async def test_a_stream_is_llama_servers_own_bytes() -> None:
    async with LemonadeDouble() as lemonade:
        without = await ask(lemonade, stream=True)
        asked = await ask(lemonade, stream=True, stream_options={"include_usage": True})

    assert without.header("transfer-encoding") == "chunked"
    assert without.events()[0]["choices"][0]["delta"] == {"role": "assistant", "content": None}
    assert list(without.events()[1])[:4] == ["choices", "created", "id", "model"]
    assert without.events()[1]["model"] == f"/path/{MODEL}.gguf"
    assert [event for event in without.events() if "usage" in event] == []
    assert without.events()[-2]["timings"]["cache_n"] == 0
    assert "timings" not in asked.events()[-3]
    assert asked.events()[-2]["choices"] == []
    assert asked.events()[-2]["timings"]["prompt_n"] == 1
    assert asked.events()[-1] == "[DONE]"


async def test_the_stats_fall_back_to_the_evaluated_tokens() -> None:
    async with LemonadeDouble() as lemonade:

        async def stats() -> dict[str, Any]:
            answer: dict[str, Any] = (await exchange(lemonade.url, "GET", "/v1/stats")).json()
            return answer

        assert (await stats())["cache_tokens"] is None
        await ask(lemonade)
        assert (await stats())["prompt_tokens"] == lemonade.counts[0].prompt
        await ask(lemonade, stream=True)
        last = await stats()

    assert (last["input_tokens"], last["prompt_tokens"]) == (1, 1)
    assert last["cache_tokens"] == lemonade.counts[0].prompt - 1
    assert last["request_count_total"] == 2


async def test_the_heartbeat_comes_before_the_first_event() -> None:
    options = LemonadeOptions(prefill_s=0.05, ping_every_s=0.02)
    async with LemonadeDouble(options) as lemonade:
        answer = await ask(lemonade, stream=True)

    assert answer.events()[:2] == [": ping", ": ping"]
    assert "choices" in answer.events()[2]


async def test_tool_calls_streamed_and_not() -> None:
    reply = Reply("", tool_calls=[("f", '{"a":1}')], reasoning="hm")
    async with LemonadeDouble(reply=lambda _: reply) as lemonade:
        whole = (await ask(lemonade)).json()["choices"][0]
        choices = [
            event["choices"][0] for event in (await ask(lemonade, stream=True)).events()[:-1]
        ]
        answer = {"role": "assistant", "content": "", "tool_calls": whole["message"]["tool_calls"]}
        result = {"role": "tool", "tool_call_id": "call_0", "content": "2"}
        third = await count(lemonade, body(answer, result))

    assert whole["finish_reason"] == choices[-1]["finish_reason"] == "tool_calls"
    assert whole["message"]["reasoning_content"] == choices[1]["delta"]["reasoning_content"]
    calls = [c["delta"]["tool_calls"][0] for c in choices if "tool_calls" in c["delta"]]
    assert "".join(call["function"]["arguments"] for call in calls) == '{"a":1}'
    assert third.cached > lemonade.counts[0].prompt
