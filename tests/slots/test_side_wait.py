"""With a single slot a side request may wait until a conversation's tool loop has ended, but not for ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.fakes.llama_double import LlamaDouble
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Json, RunningProxy, running_proxy, until
from warmprefix.slots.side_wait import SideWait

CHAT = "/v1/chat/completions"
SYSTEM = {"role": "system", "content": "You help with files."}
QUESTION: list[Json] = [SYSTEM, {"role": "user", "content": "Read it."}]
TITLE = [SYSTEM, {"role": "user", "content": "Generate a short title for this chat."}]
CALL = {"id": "call_1", "type": "function", "function": {"name": "read", "arguments": "{}"}}
RESULT: list[Json] = [
    *QUESTION,
    {"role": "assistant", "content": "Done.", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "Nothing."},
]
LONG_S, SHORT_S = 60.0, 0.05


@asynccontextmanager
async def running(
    slots: int, side_wait_s: float
) -> AsyncIterator[tuple[LlamaDouble, RunningProxy]]:
    settings = {"side_wait_s": side_wait_s}
    off = {"mode": "off"}
    async with (
        LlamaDouble(slots) as backend,
        running_proxy(backend.url, slots=settings, prewarm=off) as proxy,
    ):
        await proxy.ready()
        yield backend, proxy


async def chat(proxy: RunningProxy, messages: list[Json]) -> int:
    return (await exchange(proxy.url, "POST", CHAT, {"messages": messages})).status


async def begun(backend: LlamaDouble, proxy: RunningProxy) -> None:
    """A conversation whose reply calls a tool."""
    backend.calls, backend.finish = [CALL], "tool_calls"
    await chat(proxy, QUESTION)
    backend.calls, backend.finish = [], "stop"


def asked(backend: LlamaDouble) -> list[str]:
    """The last message of each chat that arrived."""
    chats = [request for request in backend.requests if request.target == CHAT]
    return [request.json()["messages"][-1]["content"] for request in chats]


async def test_a_title_waits_for_the_end_of_the_loop() -> None:
    async with running(1, LONG_S) as (backend, proxy):
        await begun(backend, proxy)
        title = asyncio.create_task(chat(proxy, TITLE))
        await until(lambda: len(proxy.server.server_state.tasks) == 1)
        await chat(proxy, RESULT)
        async with asyncio.timeout(10):
            assert await title == 200
        record = (await proxy.records())[-1]

    assert asked(backend) == ["Read it.", "Nothing.", "Generate a short title for this chat."]
    assert record["kind"] == "side"
    assert record["slot_reason"].startswith("one slot; waited ")
    assert record["slot_reason"].endswith(" s for a tool loop")


async def test_it_waits_for_so_long_and_no_longer() -> None:
    async with running(1, SHORT_S) as (backend, proxy):
        await begun(backend, proxy)
        await chat(proxy, TITLE)
        await chat(proxy, TITLE)  # a loop that nobody goes on with holds up only one
        first, second = (await proxy.records())[1:]

    assert first["slot_reason"] == "one slot; waited 0.1 s for a tool loop, which goes on"
    assert second["slot_reason"] == "one slot"


@pytest.mark.parametrize(
    ("slots", "side_wait_s"),
    [pytest.param(1, 0.0, id="off"), pytest.param(2, LONG_S, id="two-slots")],
)
async def test_it_does_not_wait(slots: int, side_wait_s: float) -> None:
    async with running(slots, side_wait_s) as (backend, proxy):
        await begun(backend, proxy)
        async with asyncio.timeout(10):
            await chat(proxy, TITLE)
        record = (await proxy.records())[-1]

    assert "waited" not in record["slot_reason"]


async def test_after_an_answer_there_is_nothing_to_wait_for() -> None:
    async with running(1, LONG_S) as (_, proxy):
        await chat(proxy, QUESTION)
        async with asyncio.timeout(10):
            await chat(proxy, TITLE)
        record = (await proxy.records())[-1]

    assert record["slot_reason"] == "one slot"


async def test_a_turn_that_failed_ends_its_loop() -> None:
    async with running(1, LONG_S) as (backend, proxy):
        await begun(backend, proxy)
        backend.missing = frozenset({CHAT})
        assert await chat(proxy, RESULT) == 404
        backend.missing = frozenset()
        async with asyncio.timeout(10):
            assert await chat(proxy, TITLE) == 200


# Before a side request comes: a conversation, and whether its loop goes on; None is the begin of a turn.
LOOPS: list[tuple[str, list[tuple[str, bool | None]], bool]] = [
    ("nothing", [], False),
    ("runs", [("a", None)], True),
    ("goes-on", [("a", None), ("a", True)], True),
    ("ended", [("a", None), ("a", False)], False),
    ("ended-after-a-loop", [("a", None), ("a", True), ("a", None), ("a", False)], False),
    ("one-of-two-ended", [("a", None), ("b", None), ("a", False)], True),
    ("both-ended", [("a", None), ("b", None), ("b", False), ("a", False)], False),
    ("another-ended", [("a", None), ("b", False)], True),
    ("ended-twice", [("a", None), ("a", False), ("a", False)], False),
]


@pytest.mark.parametrize(
    ("before", "waits"), [row[1:] for row in LOOPS], ids=[row[0] for row in LOOPS]
)
async def test_it_waits_while_any_conversation_is_at_work(
    before: list[tuple[str, bool | None]], waits: bool
) -> None:
    side = SideWait(SHORT_S)
    for conversation, goes_on in before:
        if goes_on is None:
            side.began(conversation)
        else:
            side.ended(conversation, goes_on=goes_on)

    assert bool(await side.wait()) is waits


async def test_a_turn_of_no_conversation_holds_nothing_back() -> None:
    side = SideWait(LONG_S)
    side.began(None)
    side.ended(None, goes_on=True)

    assert await side.wait() == ""


async def test_one_that_is_given_up_holds_the_next_back_no_more() -> None:
    side = SideWait(SHORT_S)
    side.began("a")

    assert [await side.wait(), await side.wait()] == [
        "waited 0.1 s for a tool loop, which goes on",
        "",
    ]
