"""The ledger file locked by another process, or damaged, while requests run: none of them notices."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fakes.running_proxy import Backend, until
from tests.fakes.scripted_replies import chat_reply, json_response
from tests.steadiness.processes import (
    chat,
    integrity,
    metric,
    remembered,
    serving_on_disk,
    until_metric,
)
from tests.stores.files import fill, overwrite

OK = json_response(chat_reply("hi", 5, 0))
LOST = "warmprefix_ledger_entries_lost_total"
REPLACED = "warmprefix_ledger_files_replaced_total"

_LOCK = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute(sys.argv[2])
print("locked", flush=True)
sys.stdin.read()
"""


@asynccontextmanager
async def locked_elsewhere(path: Path, statement: str) -> AsyncIterator[None]:
    """Another process holds a lock on the file."""
    pipe = asyncio.subprocess.PIPE
    line = [sys.executable, "-c", _LOCK, str(path), statement]
    holder = await asyncio.create_subprocess_exec(*line, stdin=pipe, stdout=pipe)
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"locked\n"
    try:
        yield
    finally:
        await holder.communicate(b"")


async def answered(url: str, name: str, count: int) -> list[int]:
    """The statuses of requests of as many conversations, sent together."""
    answers = await asyncio.gather(*(chat(url, f"{name} {number}") for number in range(count)))
    return [answer.status for answer in answers]


async def until_remembered(path: Path, count: int) -> None:
    """Return once so many conversations are in the file."""
    await until(lambda: remembered(path) >= count)


@pytest.mark.parametrize("lock", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
async def test_a_ledger_that_another_process_locks(lock: str, tmp_path: Path) -> None:
    """What cannot be written is counted; afterwards turns are remembered again."""
    path = tmp_path / "ledger.db"
    async with (
        Backend(otherwise=OK) as backend,
        serving_on_disk(tmp_path, backend.url) as process,
    ):
        statuses = await answered(process.url, "before", 5)
        await until_remembered(path, 5)
        async with locked_elsewhere(path, lock):
            statuses += await answered(process.url, "during", 20)
            lost = await until_metric(process.url, LOST, 1)
        statuses += await answered(process.url, "after", 5)
        await until_remembered(path, 10)
        replaced = await metric(process.url, REPLACED)

    assert statuses == [200] * 30
    assert 0 < lost <= 20
    assert remembered(path) >= 10
    assert replaced == 0
    assert integrity(path) == "ok"


async def test_a_ledger_that_is_damaged_under_a_running_proxy(tmp_path: Path) -> None:
    """It is set aside, and a new one is begun; the requests meanwhile are answered."""
    path = tmp_path / "ledger.db"
    await fill(path, *map(str, range(3_000)))
    known = remembered(path)
    async with (
        Backend(otherwise=OK) as backend,
        serving_on_disk(tmp_path, backend.url) as process,
    ):
        statuses = await answered(process.url, "before", 5)
        await until_remembered(path, known + 5)
        overwrite(path)
        statuses += await answered(process.url, "during", 20)
        replaced = await until_metric(process.url, REPLACED, 1)
        statuses += await answered(process.url, "after", 5)
        await until_remembered(path, 5)
        fewer = remembered(path)

    assert statuses == [200] * 30
    assert replaced == 1
    assert fewer < known
    assert integrity(path) == "ok"
    assert [name for name in names_in(tmp_path) if "damaged" in name]


def names_in(folder: Path) -> list[str]:
    """Names of the files in it."""
    return sorted(file.name for file in folder.iterdir())
