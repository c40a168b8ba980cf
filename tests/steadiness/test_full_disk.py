"""A disk that is full under traffic: requests are answered, standard error says it once, counts tell."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_serve import Process
from tests.fakes.running_proxy import DEADLINE_S, Backend
from tests.fakes.scripted_replies import chat_reply, json_response
from tests.steadiness.disks import Disk, LimitedFiles, small_disk
from tests.steadiness.processes import (
    chat,
    integrity,
    log_lines,
    metric,
    serving_on_disk,
)

OK = json_response(chat_reply("hi", 5, 0))
REQUESTS = 12
LINES_FAILED = "warmprefix_log_lines_failed_total"
LOST = "warmprefix_ledger_entries_lost_total"


@pytest.fixture(params=["tmpfs", "limit"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    """A disk that can be filled: a real small one where that can be had, and files that may not grow."""
    if request.param == "limit":
        yield LimitedFiles(tmp_path)
        return
    with small_disk(tmp_path / "small") as found:
        if found is None:
            pytest.skip("this user may not mount a file system; the other disk is run everywhere")
        yield found


async def answered(process: Process, name: str) -> list[int]:
    """The statuses of some requests, each of a conversation of its own with 2 KB of text."""
    texts = [f"{name} {number} " + "x" * 2000 for number in range(REQUESTS)]
    return [(await chat(process.url, text)).status for text in texts]


async def answered_until_full(process: Process) -> list[int]:
    """The same until neither log nor ledger finds room: ends of pages and a journal's old ones hold some."""
    statuses: list[int] = []
    async with asyncio.timeout(DEADLINE_S):
        while not (await metric(process.url, LINES_FAILED) and await metric(process.url, LOST)):
            statuses += await answered(process, f"during {len(statuses)}")
    return statuses


async def test_a_full_disk_costs_no_request(disk: Disk, tmp_path: Path) -> None:
    async with (
        Backend(otherwise=OK) as backend,
        serving_on_disk(tmp_path, backend.url, data=disk.folder) as process,
    ):
        pid = process.child.pid
        before = await answered(process, "before")
        disk.fill(pid)
        during = await answered_until_full(process)
        lost = await metric(process.url, LOST)
        disk.free(pid)
        after = await answered(process, "after")
        lines_failed = await metric(process.url, LINES_FAILED)
        lost_in_all = await metric(process.url, LOST)
        process.signal(signal.SIGTERM)
        status, printed = await process.ended()

    logged = log_lines(disk.folder / "turns.log")
    said = "".join(process.errors)
    requests = 2 * REQUESTS + len(during)
    assert before + during + after == [200] * requests
    assert status == 0
    assert [record["outcome"] for record in printed] == ["ok"] * requests
    assert len(logged) == requests - lines_failed
    assert said.count("turn log cannot be written") == said.count("turn log is written again") == 1
    assert 0 < lost <= lost_in_all
    assert said.count("ledger cannot be written") == said.count("ledger is written again") == 1
    assert integrity(disk.folder / "ledger.db") == "ok"
