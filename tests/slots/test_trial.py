"""What a server does with idle slots is found out by a trial, if nothing can be lost by it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.fakes.llama_double import LlamaDouble
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import running_proxy, until
from tests.servers.stock import StartStock, StockServer
from warmprefix.backends.known import KnownBackend
from warmprefix.core.slots.slot import Traits
from warmprefix.slots.seatings import Seatings
from warmprefix.slots.table import SlotTable
from warmprefix.slots.trial import SlotTrial
from warmprefix.tasks import Tasks

CHAT = "/v1/chat/completions"
BODY = {"messages": [{"role": "user", "content": "Hi there. " * 20}], "max_tokens": 2}


@asynccontextmanager
async def tried(url: str) -> AsyncIterator[tuple[SlotTable, KnownBackend, SlotTrial]]:
    """A trial that has not begun."""
    known, table = KnownBackend(url, "llamacpp", Tasks()), SlotTable()
    try:
        yield table, known, SlotTrial(table, known)
    finally:
        await known.close()


def tokens(server: StockServer) -> list[int | None]:
    """What each slot says that it holds; None of one that nothing has run in."""
    states: list[dict[str, Any]] = server.get("/slots")
    return [state.get("n_prompt_tokens") for state in states]


TRAITS = {
    "no-flags": ((), Traits(False, True)),
    "4": (("-np", "4"), Traits(True, True)),
    "2-no-ram-cache": (("-np", "2", "--cache-ram", "0"), Traits(True, False)),
    "2-unified-no-ram-cache": (("-np", "2", "-kvu", "--cache-ram", "0"), Traits(True, False)),
    "1": (("-np", "1"), Traits(True, True)),
    "1-no-ram-cache": (("-np", "1", "--cache-ram", "0"), Traits(True, False)),
}


@pytest.mark.backend
@pytest.mark.parametrize(("flags", "traits"), TRAITS.values(), ids=TRAITS)
async def test_what_a_server_does_is_found_out(
    start_stock: StartStock, flags: tuple[str, ...], traits: Traits
) -> None:
    server = start_stock(*flags)
    async with tried(server.url) as (table, _, trial):
        await trial.run()

        assert table.traits == traits
        assert table.is_settled
        assert table.is_fresh
        assert all(slot.is_empty for slot in table.slots)


@pytest.mark.backend
async def test_a_server_that_was_used_is_left_alone(start_stock: StartStock) -> None:
    server = start_stock("-np", "2")
    await exchange(server.url, "POST", CHAT, BODY)
    before = tokens(server)
    async with tried(server.url) as (table, _, trial):
        await trial.run()

    assert tokens(server) == before
    assert None in before
    assert table.traits == Traits()
    assert [slot.is_known for slot in table.slots].count(False) == 1


@pytest.mark.backend
async def test_one_that_sleeps_is_left_asleep(start_stock: StartStock) -> None:
    server = start_stock("--sleep-idle-seconds", "1")
    async with asyncio.timeout(20):
        while not (await asyncio.to_thread(server.get, "/props"))["is_sleeping"]:  # noqa: ASYNC110  # it has no event
            await asyncio.sleep(0.02)
    async with tried(server.url) as (table, known, trial):
        await trial.run()

        assert known.is_asleep
    assert server.get("/props")["is_sleeping"]
    assert "exiting sleeping state" not in server.output()
    assert table.traits == Traits()


@pytest.mark.parametrize(
    "missing", ["/props", "/slots", "/tokenize", "/completion"], ids=lambda path: path[1:]
)
async def test_one_that_does_not_say_enough_is_not_judged(missing: str) -> None:
    async with (
        LlamaDouble(missing={missing}, is_fresh=True) as backend,
        tried(backend.url) as found,
    ):
        table, _, trial = found
        await trial.run()

        assert table.traits == Traits()
        assert not backend.evaluations
        assert await trial.start_in(0) is (missing in {"/slots", "/tokenize"})


async def test_while_a_request_is_on_its_way_nothing_is_tried() -> None:
    async with LlamaDouble(is_fresh=True) as backend, tried(backend.url) as (table, _, trial):
        table.unseen_began()
        await trial.run()

        assert not backend.evaluations
        assert [slot.is_empty for slot in table.slots] == [True, True]


async def test_it_is_about_the_start_that_answers() -> None:
    async with LlamaDouble(is_fresh=True) as backend, tried(backend.url) as (table, known, trial):
        known.lost()
        await trial.run()

        assert table.generation == known.generation == 1


async def test_a_text_of_too_few_tokens_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warmprefix.slots.trial.secrets.token_hex", lambda size: "short")
    async with LlamaDouble(is_fresh=True) as backend, tried(backend.url) as (table, _, trial):
        await trial.run()

        assert not backend.evaluations
        assert table.traits == Traits()


async def test_a_start_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warmprefix.slots.trial._START_S", 0.02)
    async with LlamaDouble() as backend, tried(backend.url) as (_, known, trial):
        await known.look()
        backend.stalls = True

        assert not await trial.start_in(1)
        async with asyncio.timeout(10):
            await backend.evaluations[0].client_gone.wait()


async def test_some_text_one_token_elsewhere_and_the_text_again() -> None:
    async with LlamaDouble(is_fresh=True) as backend, tried(backend.url) as (table, _, trial):
        await trial.run()

        assert [request.json()["id_slot"] for request in backend.evaluations] == [0, 1, 1]
        assert table.traits == Traits(True, True)


async def test_a_request_that_arrives_meanwhile_ends_it() -> None:
    """It waits for the trial, but not for long."""
    off = {"mode": "off"}
    async with (
        LlamaDouble(is_fresh=True) as backend,
        running_proxy(backend.url, prewarm=off) as proxy,
    ):
        await proxy.app.known.ask_template()
        backend.stalls = True
        seatings = proxy.app.backends.first().parts.seatings
        assert isinstance(seatings, Seatings)
        seating = seatings.of(None).seating
        announced = asyncio.create_task(seating.announce())
        await until(lambda: bool(backend.evaluations))
        answer = await exchange(proxy.url, "POST", CHAT, BODY)
        async with asyncio.timeout(10):
            await backend.evaluations[0].client_gone.wait()
            await announced

        assert answer.status == 200
        assert len(backend.evaluations) == 1
        assert seating.table.traits == Traits()
