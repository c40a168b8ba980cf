"""Slots on a real llama-server: what a conversation holds, it keeps, whatever else is asked in between."""

import pytest

from tests.fakes.llama import LlamaServer, StartLlama
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Json, RunningProxy, running_proxy
from tests.servers.stock import StartStock, StockServer

pytestmark = pytest.mark.backend

CHAT = "/v1/chat/completions"
SYSTEM = {"role": "system", "content": "You help with files. " * 120}
ASKS = {
    "title": [SYSTEM, {"role": "user", "content": "Generate a short title for this chat."}],
    "branch": [SYSTEM, {"role": "user", "content": "Hi there. " * 60}, {"role": "user", "content": "Sum up."}],
    "own-prompt": [
        {"role": "system", "content": "You are a title generator."},
        {"role": "user", "content": "Hi there."},
    ],
}  # fmt: skip


async def chat(proxy: RunningProxy, messages: list[Json], **options: object) -> str:
    body = {"messages": messages, "max_tokens": 8, "temperature": 0, **options}
    answer = await exchange(proxy.url, "POST", CHAT, body)
    assert answer.status == 200, answer.body
    return str(answer.json()["choices"][0]["message"]["content"])


async def session(
    server: LlamaServer | StockServer, aside: str | None, pin: str = "auto"
) -> list[Json]:
    """Three turns of a conversation, each followed by another request; the records."""
    async with running_proxy(server.url, slots={"pin": pin}) as proxy:
        await proxy.ready()
        history = [SYSTEM, {"role": "user", "content": "Hi there. " * 60}]
        for number in range(3):
            reply = {"role": "assistant", "content": await chat(proxy, history)}
            history += [reply, {"role": "user", "content": f"More {number}. " * 20}]
            # Before its second turn a conversation is not longer than a branch of it.
            if aside and (number or aside != "branch"):
                await chat(proxy, ASKS[aside])
        return await proxy.records()


def conversation(records: list[Json]) -> list[Json]:
    return [record for record in records if record["kind"] != "side"]


FLAGS = {
    "no-flags": (),
    "2-unified": ("-np", "2", "-kvu"),
    "2": ("-np", "2"),
    "4": ("-np", "4"),
    "2-no-ram-cache": ("-np", "2", "--cache-ram", "0"),
    "4-no-ram-cache": ("-np", "4", "--cache-ram", "0"),
    "1": ("-np", "1"),
}


def processed(records: list[Json]) -> int:
    return sum(record["processed_tokens"] for record in records)


@pytest.mark.parametrize("aside", ASKS)
@pytest.mark.parametrize("flags", FLAGS)
async def test_a_side_request_costs_no_more_than_directly(
    start_stock: StartStock, flags: str, aside: str
) -> None:
    """In sum: its own reading, and what the conversation reads again."""
    direct = await session(start_stock(*FLAGS[flags]), aside, "off")
    through = await session(start_stock(*FLAGS[flags]), aside)

    assert processed(through) <= processed(direct)


@pytest.mark.parametrize("aside", ["title", "own-prompt"])
@pytest.mark.parametrize("flags", ["2", "4"])
async def test_with_a_ram_cache_a_side_request_costs_the_conversation_nothing(
    start_stock: StartStock, flags: str, aside: str
) -> None:
    alone = await session(start_stock(*FLAGS[flags]), None)
    beside = await session(start_stock(*FLAGS[flags]), aside)

    assert len(conversation(beside)) == len(alone) == 3
    assert processed(conversation(beside)) <= processed(alone)


async def test_without_a_choice_the_server_gives_the_slot_away(start_llama: StartLlama) -> None:
    """What the choice is for; `off` leaves it to the server."""
    records = await session(start_llama(n_parallel=4, cache_ram_mib=0), "title", "off")

    again = conversation(records)[1]
    assert again["cached_tokens"] < 0.9 * again["prompt_tokens"]
    assert again["slot"] is None


@pytest.mark.parametrize("ram", [0, 256], ids=["no-ram-cache", "ram-cache"])
async def test_one_slot_is_left_to_the_server(start_llama: StartLlama, ram: int) -> None:
    records = await session(start_llama(n_parallel=1, cache_ram_mib=ram), "own-prompt")

    assert {record["slot"] for record in records} == {None}
    assert {record["slot_reason"] for record in records} == {"one slot"}


async def test_a_proxy_that_starts_later_finds_out_what_the_slots_hold(
    start_llama: StartLlama,
) -> None:
    """What it did not send it does not know: it leaves the choice to the server and looks where it went."""
    server = start_llama(n_parallel=2, cache_ram_mib=0)
    first = [SYSTEM, {"role": "user", "content": "Hi there."}]
    async with running_proxy(server.url) as proxy:
        await proxy.ready()
        text = await chat(proxy, first, id_slot=1)
    went_on = [*first, {"role": "assistant", "content": text}, {"role": "user", "content": "More."}]
    async with running_proxy(server.url) as proxy:
        await proxy.ready()
        text = await chat(proxy, went_on)
        await proxy.records()
        again = [
            *went_on,
            {"role": "assistant", "content": text},
            {"role": "user", "content": "On."},
        ]
        await chat(proxy, again)
        second, third = await proxy.records()

    assert (second["slot"], second["slot_reason"]) == (
        None,
        "not seen yet whether idle slots keep what they hold",
    )
    assert third["cached_tokens"] > 0.9 * second["prompt_tokens"]


async def test_a_clients_own_choice_stands(start_llama: StartLlama) -> None:
    server = start_llama(n_parallel=2)
    async with running_proxy(server.url) as proxy:
        await proxy.ready()
        await chat(proxy, [SYSTEM, {"role": "user", "content": "Hi."}], id_slot=1)
        record = await proxy.record()

    assert record["slot_reason"] is None
