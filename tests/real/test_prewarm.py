"""Reading ahead on a real llama-server: what a new user message would have cost, it does not."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.fakes.llama import LlamaServer, StartLlama, template
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import BUSY_S, Json, RunningProxy, Settings, running_proxy, until
from tests.servers.stock import Served, StartEither

pytestmark = pytest.mark.backend

CHAT = "/v1/chat/completions"
SYSTEM = {"role": "system", "content": "You help with files. " * 40}
DROPS = "chatml_drops_reasoning"
ANSWER = "All files were read, and nothing is missing."
QUESTION = {"role": "user", "content": "And what is next?"}
EDGES = 32
"""Tokens around a message: its header, the end mark before it, the invitation behind it."""

LOOP = 2500
"""Less than the tokens of the loop as it is rendered anew."""

IDLE_S = 0.05


def loop(calls: int = 12) -> list[Json]:
    """A question, and a tool loop with reasoning whose last result is there."""
    messages: list[Json] = [SYSTEM, {"role": "user", "content": "Read all files."}]
    for number in range(calls):
        name = f"call{number:05}"
        call = {"name": "read", "arguments": f'{{"path": "{number}.txt"}}'}
        messages.append({
            "role": "assistant",
            "content": "",
            "reasoning_content": f"File {number} comes next. " * 4,
            "tool_calls": [{"id": name, "type": "function", "function": call}],
        })  # fmt: skip
        messages.append({"role": "tool", "tool_call_id": name, "content": f"Line {number}. " * 20})
    return messages


def size(message: Json) -> int:
    """Tokens of a message: the tiny model's are bytes."""
    return len(message["content"].encode())


async def chat(proxy: RunningProxy, messages: list[Json], **options: object) -> Json:
    """One turn that ends in an answer; the message as a client keeps it."""
    body = {"messages": messages, "grammar": f'root ::= "{ANSWER}"', "temperature": 0, **options}
    answer = await exchange(proxy.url, "POST", CHAT, body)
    assert answer.status == 200, answer.body
    message: Json = answer.json()["choices"][0]["message"]
    assert message["content"] == ANSWER
    return {"role": "assistant", "content": ANSWER}


@asynccontextmanager
async def proxied(server: Served, **prewarm: object) -> AsyncIterator[RunningProxy]:
    settings: Settings = {"idle_s": IDLE_S, **prewarm}
    async with running_proxy(server.url, prewarm=settings) as proxy:
        await proxy.ready()
        yield proxy


async def rested() -> None:
    """Return when nothing is read ahead any more."""
    await until(lambda: all(task.get_name() != "prewarm" for task in asyncio.all_tasks()), BUSY_S)


def slots(server: LlamaServer) -> list[Json]:
    found: list[Json] = json.loads(server.get("/slots"))
    return found


async def two_turns(proxy: RunningProxy, first: list[Json]) -> Json:
    """A turn, a pause, and a new user message; the record of that."""
    reply = await chat(proxy, first)
    await rested()
    await chat(proxy, [*first, reply, QUESTION])
    record: Json = (await proxy.records())[-1]
    return record


@pytest.mark.parametrize("slots", [1, 2])
async def test_after_a_long_loop_a_new_user_message_costs_no_more_than_itself(
    start_llama: StartLlama, slots: int
) -> None:
    server = start_llama(chat_template=template(DROPS), n_parallel=slots, cache_ram_mib=0)
    async with proxied(server) as proxy:
        record = await two_turns(proxy, loop())

    assert record["processed_tokens"] <= size(QUESTION) + EDGES
    assert record["prewarmed_tokens"] > LOOP
    assert record["break"] is None


async def test_on_either_server_a_new_user_message_costs_no_more_than_itself(
    start_either: StartEither,
) -> None:
    async with proxied(start_either(chat_template=template(DROPS))) as proxy:
        record = await two_turns(proxy, loop())

    assert record["processed_tokens"] <= size(QUESTION) + EDGES
    assert record["prewarmed_tokens"] > LOOP


async def test_switched_off_the_loop_is_read_again(start_either: StartEither) -> None:
    server = start_either(chat_template=template(DROPS))
    async with proxied(server, mode="off") as proxy:
        record = await two_turns(proxy, loop())

    assert record["processed_tokens"] > LOOP
    assert record["prewarmed_tokens"] is None
    assert (record["break"]["cause"], record["break"]["side"]) == ("reasoning", "template")


async def test_a_template_that_only_appends_needs_none(start_either: StartEither) -> None:
    server = start_either()
    async with proxied(server) as proxy:
        record = await two_turns(proxy, loop())

    assert record["prewarmed_tokens"] is None
    assert record["processed_tokens"] <= size(QUESTION) + EDGES


async def test_below_the_threshold_nothing_is_done(start_either: StartEither) -> None:
    server = start_either(chat_template=template(DROPS))
    async with proxied(server, min_tokens=100_000) as proxy:
        record = await two_turns(proxy, loop())

    assert record["prewarmed_tokens"] is None


async def test_another_conversation_keeps_its_slot(start_either: StartEither) -> None:
    server = start_either(chat_template=template(DROPS))
    other = [{"role": "user", "content": "Something else. " * 100}]
    async with proxied(server) as proxy:
        answered = await chat(proxy, other)
        first = loop()
        reply = await chat(proxy, first)
        await rested()
        await chat(proxy, [*other, answered, QUESTION])
        await chat(proxy, [*first, reply, QUESTION])
        kept, ahead = (await proxy.records())[2:]

    assert kept["processed_tokens"] <= size(QUESTION) + EDGES
    assert ahead["processed_tokens"] <= size(QUESTION) + EDGES
    assert ahead["prewarmed_tokens"] > LOOP


async def test_a_slot_that_somebody_else_used_is_left_alone(start_llama: StartLlama) -> None:
    server = start_llama(chat_template=template(DROPS), n_parallel=1, cache_ram_mib=0)
    theirs = {"messages": [{"role": "user", "content": "Mine. " * 200}], "max_tokens": 2}
    async with proxied(server, idle_s=0.3) as proxy:
        reply = await chat(proxy, loop())
        await exchange(server.url, "POST", CHAT, theirs)
        await rested()
        again = await exchange(server.url, "POST", CHAT, theirs)
        await chat(proxy, [*loop(), reply, QUESTION])
        record = (await proxy.records())[-1]

    assert again.json()["timings"]["prompt_n"] <= EDGES
    assert record["prewarmed_tokens"] is None


async def test_a_side_request_in_between_only_delays_it(start_llama: StartLlama) -> None:
    server = start_llama(chat_template=template(DROPS), cache_ram_mib=0)
    title = [SYSTEM, {"role": "user", "content": "Generate a short title for this chat."}]
    async with proxied(server, idle_s=0.2) as proxy:
        first = loop()
        reply = await chat(proxy, first)
        await (
            proxy.records()
        )  # it is found out where it was: until then the title is left to the server
        await chat(proxy, title)
        await rested()
        await chat(proxy, [*first, reply, QUESTION])
        record = (await proxy.records())[-1]

    assert record["processed_tokens"] <= size(QUESTION) + EDGES
    assert record["prewarmed_tokens"] > LOOP


async def test_the_tokens_read_ahead_are_those_of_the_real_prompt(
    start_either: StartEither,
) -> None:
    """On a real tokenizer, which joins characters."""
    server = start_either("gemma", chat_template=template(DROPS))
    async with proxied(server, min_tokens=100) as proxy:
        record = await two_turns(proxy, loop(3))

    assert record["processed_tokens"] <= size(QUESTION) + EDGES
    assert record["prewarmed_tokens"] > 200
    assert record["break"] is None


async def test_a_request_ends_it_at_once(start_llama: StartLlama) -> None:
    """With a loop long enough to be interrupted."""
    server = start_llama(chat_template=template(DROPS), cache_ram_mib=0)
    first = loop(36)
    async with proxied(server) as proxy:
        reply = await chat(proxy, first)
        await until(lambda: any(slot["is_processing"] for slot in slots(server)), BUSY_S)
        await chat(proxy, [{"role": "user", "content": "Hi."}])
        await rested()
        await chat(proxy, [*first, reply, QUESTION])
        _, short, cut = await proxy.records()
        page = proxy.app.turns.metrics.page()[0].decode()

    assert short["outcome"] == "ok"
    assert "warmprefix_prewarms_cancelled_total 1.0" in page
    assert cut["processed_tokens"] > 200  # most of it had not been read when the request came
