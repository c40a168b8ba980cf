"""Breaks on a real llama-server, told by the backend's own counts and answers. Nothing is scripted."""

from typing import Any

import pytest

from tests.builders import system, user
from tests.fakes.llama import LlamaServer, StartLlama, template
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Json, RunningProxy, running_proxy

pytestmark = pytest.mark.backend

CHAT = "/v1/chat/completions"
LONG = "You help with files and answer in one line. " * 30
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    for name in ("read", "write", "list")
]


async def chat(proxy: RunningProxy, messages: list[Json], **options: Any) -> str:
    """One turn; the text of the reply."""
    body = {"messages": messages, "max_tokens": 8, "temperature": 0, **options}
    answer = await exchange(proxy.url, "POST", CHAT, body)
    assert answer.status == 200, answer.body
    return str(answer.json()["choices"][0]["message"]["content"])


async def two_turns(proxy: RunningProxy, first: list[Json], second: list[Json]) -> Json:
    """A turn and the one that goes on from it; the record of the second."""
    text = await chat(proxy, first)
    reply = {"role": "assistant", "content": text}
    await chat(proxy, [*second, reply, user("And then?")])
    record: Json = (await proxy.records())[-1]
    return record


@pytest.fixture
def one_slot(start_llama: StartLlama) -> LlamaServer:
    """One slot and no RAM cache: whoever comes next takes what was there."""
    return start_llama(n_parallel=1, cache_ram_mib=0)


async def test_nothing_broke(one_slot: LlamaServer) -> None:
    async with running_proxy(one_slot.url) as proxy:
        record = await two_turns(proxy, *[[system(LONG), user("Hi")]] * 2)

    assert record["kind"] == "append"
    assert record["break"] is None
    assert record["cached_tokens"] > 1300


async def test_a_clock_in_the_system_text(one_slot: LlamaServer) -> None:
    async with running_proxy(one_slot.url) as proxy:
        record = await two_turns(
            proxy,
            [system("Current date and time: 10:00\n" + LONG), user("Hi")],
            [system("Current date and time: 10:01\n" + LONG), user("Hi")],
        )

    found = record["break"]
    assert record["kind"] == "edit"
    assert (found["path"], found["cause"], found["side"]) == (
        "messages[0].content",
        "clock",
        "client",
    )
    assert "freeze-volatile" in found["hint"]["paste"]
    assert found["tokens_lost"] > 1200
    assert found["seconds_lost"] > 0


async def test_the_line_to_paste_keeps_it(one_slot: LlamaServer) -> None:
    """What the hint says is true."""
    enabled = {"enable": ("freeze-volatile",)}
    async with running_proxy(one_slot.url, canonicalize=enabled) as proxy:
        record = await two_turns(
            proxy,
            [system("Current date and time: 10:00\n" + LONG), user("Hi")],
            [system("Current date and time: 10:01\n" + LONG), user("Hi")],
        )

    assert record["break"] is None
    assert record["cached_tokens"] > 1300


async def test_tools_in_another_order(one_slot: LlamaServer) -> None:
    """Seen while observing; with the ledger on, the first-seen order goes out and nothing breaks."""
    for observe, broke in ((True, True), (False, False)):
        async with running_proxy(one_slot.url, observe=observe) as proxy:
            first = [system(f"{observe} {LONG}"), user("Hi")]
            text = await chat(proxy, first, tools=TOOLS)
            went_on = [*first, {"role": "assistant", "content": text}, user("More")]
            await chat(proxy, went_on, tools=TOOLS[::-1])
            found = (await proxy.records())[-1]["break"]

        assert (found is not None) is broke
        if found:
            assert (found["path"], found["cause"]) == ("tools[0]", "tool-order")
            assert found["tokens_lost"] > 1200


async def test_another_conversation_took_the_slot(one_slot: LlamaServer) -> None:
    async with running_proxy(one_slot.url) as proxy:
        first = [system(LONG), user("Hi")]
        text = await chat(proxy, first)
        await chat(proxy, [system("Something else altogether. " * 40), user("Who?")])
        await chat(proxy, [*first, {"role": "assistant", "content": text}, user("And then?")])
        found = (await proxy.records())[-1]["break"]

    assert (found["cause"], found["side"]) == ("evicted", "backend")
    assert found["hint"]["where"] == "backend"


async def test_a_change_far_behind_what_another_conversation_took(one_slot: LlamaServer) -> None:
    """Both have happened, and most was lost without the change."""
    async with running_proxy(one_slot.url) as proxy:
        begun = [system(LONG), user("Hi")]
        begun.append({"role": "assistant", "content": await chat(proxy, begun)})
        reply = {"role": "assistant", "content": await chat(proxy, [*begun, user("And then?")])}
        await chat(proxy, [system("Something else altogether. " * 40), user("Who?")])
        await chat(proxy, [*begun, user("And so?"), reply, user("And now?")])
        found = (await proxy.records())[-1]["break"]

    assert (found["cause"], found["side"]) == ("evicted", "backend")
    assert found["path"] == "messages[3].content"
    assert 1000 < found["evicted_tokens"] <= found["tokens_lost"]
    assert found["hint"]["where"] == "backend"


async def test_the_server_was_restarted(one_slot: LlamaServer) -> None:
    async with running_proxy(one_slot.url) as proxy:
        await proxy.ready()
        first = [system(LONG), user("Hi")]
        text = await chat(proxy, first)
        await proxy.records()
        one_slot.restart()
        await chat(proxy, [*first, {"role": "assistant", "content": text}, user("And then?")])
        found = (await proxy.records())[-1]["break"]

    assert (found["cause"], found["side"]) == ("restarted", "backend")


async def test_the_client_asked_for_no_cache(one_slot: LlamaServer) -> None:
    async with running_proxy(one_slot.url) as proxy:
        first = [system(LONG), user("Hi")]
        text = await chat(proxy, first)
        went_on = [*first, {"role": "assistant", "content": text}, user("And then?")]
        await chat(proxy, went_on, cache_prompt=False)
        found = (await proxy.records())[-1]["break"]

    assert (found["cause"], found["side"]) == ("no-cache", "client")


async def test_a_template_that_drops_reasoning_rewrites_history(start_llama: StartLlama) -> None:
    """The messages go on, the rendering does not: seen by asking for both renderings afterwards."""
    server = start_llama(n_parallel=1, chat_template=template("chatml_drops_reasoning"))
    call = {"id": "c1", "type": "function", "function": {"name": "read", "arguments": "{}"}}
    loop = [
        system(LONG),
        user("Read it."),
        {"role": "assistant", "content": "", "reasoning_content": "hm " * 30, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "text " * 60},
    ]
    async with running_proxy(server.url) as proxy:
        await proxy.ready()
        text = await chat(proxy, loop, tools=TOOLS)
        await chat(
            proxy, [*loop, {"role": "assistant", "content": text}, user("Next.")], tools=TOOLS
        )
        found = (await proxy.records())[-1]["break"]

    assert (found["cause"], found["side"]) == ("reasoning", "template")
    assert found["path"] == "rendered prompt"
    assert found["tokens_lost"] > 300


async def test_a_sliding_window_falls_back_to_a_checkpoint(start_llama: StartLlama) -> None:
    """Without swa_full the cache cannot be cut at any token: a part of a prompt that was held whole is
    read again from the last checkpoint in front of it."""
    server = start_llama("gemma", n_parallel=1, swa_full=False, cache_ram_mib=0, ctx_size=4096)
    first = [system("Be brief."), user("one " * 400)]
    longer = [*first, {"role": "assistant", "content": "two " * 400}, user("three " * 200)]
    async with running_proxy(server.url) as proxy:
        await proxy.ready()
        await chat(proxy, longer)
        await chat(proxy, first)
        record = (await proxy.records())[-1]

    found = record["break"]
    assert record["kind"] == "retry"
    assert (found["cause"], found["side"]) == ("checkpoint", "backend")
    assert found["tokens_lost"] > 100
    assert "swa-full" in found["hint"]["paste"]
