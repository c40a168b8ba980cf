"""When a slot counts as idle."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.builders import user
from tests.fakes.llama import StartLlama
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Json, RunningProxy, running_proxy, until
from tests.slot_driver import ran, state, table_of, take
from tests.slots.saving import Bench, Slots
from warmprefix.slots.save_idle import IdleSaving
from warmprefix.slots.seatings import Seatings
from warmprefix.slots.table import SlotTable
from warmprefix.tasks import Tasks

LONG = [user("Here is what I have so far. " * 40)]
OTHER = [user("Quite another. " * 60)]


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def chat(proxy: RunningProxy, messages: list[Json], tokens: int) -> None:
    body = {"messages": messages, "max_tokens": tokens, "temperature": 0, "ignore_eos": True}
    answer = await exchange(proxy.url, "POST", "/v1/chat/completions", body)
    assert answer.status == 200, answer.body


@pytest.mark.backend
async def test_nothing_is_written_while_another_request_runs(
    start_llama: StartLlama, tmp_path: Path
) -> None:
    server = start_llama(n_parallel=2, slot_save_path=tmp_path, options={"n_predict": 4096})
    async with running_proxy(server.url, slots={"save_idle_s": 0.01}) as proxy:
        await proxy.ready()
        running = asyncio.ensure_future(chat(proxy, OTHER, 1500))
        (backend,) = proxy.app.backends.all
        assert isinstance(backend.parts.seatings, Seatings)
        seating = backend.parts.seatings.of(None).seating
        await until(lambda: not seating.table.is_quiet)
        await chat(proxy, LONG, 4)
        await asyncio.sleep(0.1)  # ten times as long as it takes to count as idle
        was_running, written = not running.done(), files(tmp_path)
        await running
        await until(lambda: len(files(tmp_path)) == 2)

    assert was_running
    assert written == []


@pytest.mark.backend
async def test_off_means_that_nothing_is_written(start_llama: StartLlama, tmp_path: Path) -> None:
    server = start_llama(n_parallel=1, slot_save_path=tmp_path)
    settings = {"save_idle_s": 0.01, "save": "off"}
    async with running_proxy(server.url, slots=settings) as proxy:
        await proxy.ready()
        await chat(proxy, LONG, 4)
        await chat(proxy, OTHER, 4)

    assert files(tmp_path) == []


class Idle(Bench):
    """The saving of idle slots, for two slots that held nothing."""

    def __init__(self, backend: Slots, folder: Path, idle_s: float) -> None:
        super().__init__(backend, folder)
        self.table: SlotTable = table_of(state(0, 0), state(1, 0))
        self.tasks = Tasks()
        self.saving = IdleSaving(self.table, self.snapshots, self.tasks, idle_s)

    def saved(self) -> list[str]:
        return sorted(snapshot.conversation for snapshot in self.snapshots.listed())


@asynccontextmanager
async def idle(folder: Path, idle_s: float = 0.01) -> AsyncIterator[Idle]:
    async with Slots() as backend:
        made = Idle(backend, folder, idle_s)
        try:
            yield made
        finally:
            await made.tasks.finish(5)
            await made.close()


async def test_a_slot_that_nobody_used_for_a_while_is_saved(tmp_path: Path) -> None:
    async with idle(tmp_path) as own:
        ran(own.table, "a", 0)
        own.saving.used(0)
        await until(lambda: own.saved() == ["a"])


async def test_each_use_begins_the_time_anew(tmp_path: Path) -> None:
    async with idle(tmp_path, 3600) as own:
        ran(own.table, "a", 0)
        own.saving.used(0)
        first = own.saving._timers[0]
        own.saving.used(0)

        assert first.cancelled()
        own.saving._due(0)
        await own.tasks.finish(5)
        assert own.saved() == ["a"]


async def test_a_slot_in_use_is_not_saved_and_starts_anew_with_its_end(tmp_path: Path) -> None:
    async with idle(tmp_path, 3600) as own:
        ran(own.table, "a", 0)
        own.saving.used(0)
        take(own.table, "a", 0, 2)
        own.saving._due(0)
        await own.tasks.finish(5)

        assert (own.saved(), own.backend.asked, own.saving._timers) == ([], [], {})


async def test_while_another_slot_is_busy_it_waits_once_more(tmp_path: Path) -> None:
    async with idle(tmp_path, 3600) as own:
        ran(own.table, "a", 0)
        take(own.table, "b", 1)
        own.saving.used(0)
        own.saving._due(0)
        await own.tasks.finish(5)

        assert (own.saved(), list(own.saving._timers)) == ([], [0])
        await own.saving.close()


async def test_at_the_end_every_idle_slot_is_saved_and_no_timer_is_left(tmp_path: Path) -> None:
    async with idle(tmp_path, 3600) as own:
        ran(own.table, "a", 0)
        ran(own.table, "b", 1)
        own.saving.used(0)
        await own.saving.close()

        assert (own.saved(), own.saving._timers) == (["a", "b"], {})


async def test_the_end_does_not_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warmprefix.slots.save_idle._LAST_S", 0.02)
    async with idle(tmp_path) as own:
        ran(own.table, "a", 0)
        await own.snapshots._lock.acquire()
        async with asyncio.timeout(5):
            await own.saving.close()
        own.snapshots._lock.release()

        assert own.saved() == []
