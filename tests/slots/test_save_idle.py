"""When a slot counts as idle."""

import asyncio
from pathlib import Path

import pytest

from tests.fakes.llama import StartLlama
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Json, RunningProxy, running_proxy, until

pytestmark = pytest.mark.backend

LONG = [{"role": "user", "content": "Here is what I have so far. " * 40}]
OTHER = [{"role": "user", "content": "Quite another. " * 60}]


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def chat(proxy: RunningProxy, messages: list[Json], tokens: int) -> None:
    body = {"messages": messages, "max_tokens": tokens, "temperature": 0, "ignore_eos": True}
    answer = await exchange(proxy.url, "POST", "/v1/chat/completions", body)
    assert answer.status == 200, answer.body


async def test_nothing_is_written_while_another_request_runs(
    start_llama: StartLlama, tmp_path: Path
) -> None:
    server = start_llama(n_parallel=2, slot_save_path=tmp_path, options={"n_predict": 4096})
    async with running_proxy(server.url, slots={"save_idle_s": 0.01}) as proxy:
        await proxy.ready()
        running = asyncio.ensure_future(chat(proxy, OTHER, 1500))
        (backend,) = proxy.app.backends.all
        assert backend.parts.seatings is not None
        seating = backend.parts.seatings.of(None).seating
        await until(lambda: not seating.table.is_quiet)
        await chat(proxy, LONG, 4)
        await asyncio.sleep(0.1)  # ten times as long as it takes to count as idle
        was_running, written = not running.done(), files(tmp_path)
        await running
        await until(lambda: len(files(tmp_path)) == 2)

    assert was_running
    assert written == []


async def test_off_means_that_nothing_is_written(start_llama: StartLlama, tmp_path: Path) -> None:
    server = start_llama(n_parallel=1, slot_save_path=tmp_path)
    settings = {"save_idle_s": 0.01, "save": "off"}
    async with running_proxy(server.url, slots=settings) as proxy:
        await proxy.ready()
        await chat(proxy, LONG, 4)
        await chat(proxy, OTHER, 4)

    assert files(tmp_path) == []
