"""What a request waits for before it gets its slot, and what is told of slots."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.llama_double import LlamaDouble
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Json, RunningProxy, running_proxy, until
from tests.fakes.scripted_http import Request
from tests.request_stages import written
from tests.servers.stock import StartStock
from tests.slots.saving import Bench, Slots
from warmprefix.core.memory.ledger import Place
from warmprefix.core.slots.slot import head_digest
from warmprefix.core.slots.snapshots import Held
from warmprefix.core.slots.stand_down import PAUSE
from warmprefix.core.types import Kind
from warmprefix.pipeline.stages import Ended, Patch
from warmprefix.slots.seating import Seating
from warmprefix.slots.seatings import Seatings
from warmprefix.slots.table import SlotTable
from warmprefix.tasks import Tasks

CHAT = "/v1/chat/completions"
SYSTEM = {"role": "system", "content": "You help with files." * 120}
QUESTION: list[Json] = [SYSTEM, {"role": "user", "content": "Hi there." * 60}]
TITLE = [SYSTEM, {"role": "user", "content": "Generate a short title for this chat."}]
OFF = {"mode": "off"}


def seating_of(proxy: RunningProxy) -> Seating:
    seatings = proxy.app.backends.first().parts.seatings
    assert isinstance(seatings, Seatings)
    return seatings.of(None).seating


@asynccontextmanager
async def running(
    slots: int = 2, *, is_fresh: bool = False, save_status: int = 200
) -> AsyncIterator[tuple[LlamaDouble, RunningProxy]]:
    async with (
        LlamaDouble(slots, is_fresh=is_fresh) as backend,
        running_proxy(backend.url, prewarm=OFF) as proxy,
    ):
        backend.save_status = save_status
        await proxy.app.known.ask_template()
        yield backend, proxy


async def chat(proxy: RunningProxy, messages: list[Json]) -> str:
    body = {"messages": messages, "max_tokens": 8, "temperature": 0}
    answer = await exchange(proxy.url, "POST", CHAT, body)
    assert answer.status == 200, answer.body
    return str(answer.json()["choices"][0]["message"]["content"])


@pytest.mark.parametrize("path", [CHAT, "/v1/embeddings"])
async def test_a_request_waits_for_the_trial_but_not_for_long(path: str) -> None:
    async with running(is_fresh=True) as (backend, proxy):
        backend.stalls = True
        announced = asyncio.create_task(seating_of(proxy).announce())
        await until(lambda: bool(backend.evaluations))
        began_s = time.monotonic()
        answer = await exchange(proxy.url, "POST", path, {"messages": QUESTION})
        waited_s = time.monotonic() - began_s
        await announced

    assert answer.status == 200
    assert 0.4 < waited_s < 5


async def test_when_the_trial_has_ended_nobody_waits() -> None:
    async with running(is_fresh=True) as (backend, proxy):
        await proxy.ready()
        await chat(proxy, QUESTION)

        assert len(backend.evaluations) == 3
        assert seating_of(proxy).table.traits.keeps_idle


@pytest.mark.parametrize("slots", [1, 2])
async def test_what_passes_through_unsettles_the_slots_until_they_were_read(slots: int) -> None:
    async with running(slots) as (_, proxy):
        await proxy.ready()
        seating, settled = seating_of(proxy), []
        ended = seating.unseen_ended

        def note() -> None:
            settled.append(seating.table.is_settled)
            ended()
            settled.append(seating.table.is_settled)

        seating.unseen_ended = note  # type: ignore[method-assign]  # seen as it happens
        answer = await exchange(proxy.url, "POST", "/v1/embeddings", {"input": "x"})
        await until(lambda: seating.table.is_settled)

    assert answer.status == 200
    assert settled == [False, False]


async def test_the_slot_of_a_request_is_looked_for_once_it_has_ended() -> None:
    async with running() as (_, proxy):
        await proxy.ready()
        seating, looking = seating_of(proxy), [seating_of(proxy).readings.is_looking()]
        end = seating.ended

        def note(ended: Ended) -> Patch:
            patch = end(ended)
            looking.append(seating.readings.is_looking())
            return patch

        seating.ended = note  # type: ignore[method-assign]  # seen as it happens
        await chat(proxy, QUESTION)
        await until(lambda: not seating.readings.is_looking())

    assert looking == [False, True]


async def test_one_question_is_for_all_that_have_ended_before_it_is_asked() -> None:
    async with running() as (backend, proxy):
        await proxy.ready()
        seating = seating_of(proxy)
        for _ in range(3):
            seating.unseen_began()
        before = _asked(backend, "/slots")
        for _ in range(3):
            seating.unseen_ended()
        await until(lambda: not seating.readings.is_looking())

        assert _asked(backend, "/slots") - before == 1
        assert seating.table.is_settled


@pytest.mark.parametrize(
    ("status", "looks"), [(501, False), (200, True)], ids=["saves-nothing", "may-save"]
)
async def test_a_start_that_nobody_saw_is_looked_for_if_a_file_could_be_restored(
    status: int, looks: bool
) -> None:
    async with running(save_status=status) as (backend, proxy):
        await proxy.ready()
        seating = seating_of(proxy)
        before = _asked(backend, "/props")
        await chat(proxy, QUESTION)
        await until(lambda: not seating.readings.is_looking())

        assert _asked(backend, "/props") - before == looks


async def test_a_server_that_shows_no_slots_any_more_is_looked_for() -> None:
    async with running(save_status=501) as (backend, proxy):
        await proxy.ready()
        seating = seating_of(proxy)
        before = _asked(backend, "/props")
        backend.missing = frozenset({"/slots"})
        await chat(proxy, QUESTION)
        await until(lambda: not seating.readings.is_looking())

        assert _asked(backend, "/props") - before == 1


def _asked(backend: LlamaDouble, page: str) -> int:
    return sum(request.target == page for request in backend.requests)


@pytest.mark.parametrize("path", ["/tokenize", "/v1/messages/count_tokens"])
async def test_what_takes_no_slot_unsettles_nothing(path: str) -> None:
    async with running() as (_, proxy):
        await proxy.ready()
        table = seating_of(proxy).table
        before = table.events
        await exchange(proxy.url, "POST", path, {"content": "x"})

        assert table.events == before


async def test_two_requests_for_the_only_slot_leave_it_settled() -> None:
    """The second one waits at the server: it is found when it has ended."""
    async with running(1) as (backend, proxy):
        await proxy.ready()
        other = [{"role": "user", "content": "Quite another. " * 60}]
        await asyncio.gather(chat(proxy, QUESTION), chat(proxy, other))
        await proxy.records()
        table = seating_of(proxy).table

        assert table.is_quiet
        assert table.slots[0].tokens == backend.held[0]


async def test_what_is_switched_off_is_told_once_with_figures(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with running() as (_, proxy):
        seating = seating_of(proxy)
        for kept in (-100, -250, -300):
            seating.judge("copy", kept)
        seating.judge("own", -20)

    told = [text for text in caplog.messages if "more than it kept" in text]
    assert told == [
        "giving requests a copy from the RAM cache cost 350 tokens more than it kept "
        f"over 2 turns; it is off for the next {PAUSE}"
    ]


@pytest.mark.backend
async def test_the_log_tells_what_a_turn_has_kept(start_stock: StartStock) -> None:
    """A title that shares the system prompt would have taken the conversation's slot."""
    server = start_stock("-np", "4")
    async with running_proxy(server.url) as proxy:
        await proxy.ready()
        history = QUESTION
        for number in range(3):
            reply = {"role": "assistant", "content": await chat(proxy, history)}
            history = [*history, reply, {"role": "user", "content": f"More {number}." * 20}]
            await chat(proxy, TITLE)
            await proxy.records()
        records = [record for record in await proxy.records() if record["kind"] != "side"]

    first, *later = records
    assert len(later) == 2
    assert (first["kept_tokens"], first["kept_estimated"]) == (0, False)
    assert first["direct_tokens"] == first["processed_tokens"]
    for record in later:
        assert record["kept_tokens"] > 0
        assert record["kept_estimated"]
        assert record["direct_tokens"] == record["processed_tokens"] + record["kept_tokens"]


class Emptied(Slots):
    """Its slots are as after a start, from then on."""

    is_emptied = False

    def answer(self, request: Request) -> tuple[int, Any]:
        if request.target == "/slots" and self.is_emptied:
            return 200, [{"id": number, "is_processing": False} for number in range(2)]
        return super().answer(request)


async def test_slots_that_show_a_start_that_nobody_saw_are_known(tmp_path: Path) -> None:
    """Then a saved slot can be restored at once: a router's model that was unloaded, say."""
    body = b'{"messages":[{"role":"user","content":"a"}]}'
    asked = written(body, Place("a", 0, None, Kind.COLD, 0), (b"a",))
    async with Emptied() as backend:
        bench = Bench(backend, tmp_path)
        await bench.snapshots.is_ready()
        await bench.known.slot_states()
        before = bench.known.generation
        held = Held("a", (b"a",), head_digest(asked.sent), 1000)
        assert await bench.snapshots.save(0, held)
        backend.is_emptied = True
        seating = Seating(SlotTable(), bench.known, Tasks(), bench.snapshots, tries=False)
        await seating.take(asked)
        seen = bench.known.generation
        await bench.close()

    assert seen > before
    assert [slot.id for slot in seating.table.slots] == [0, 1]
