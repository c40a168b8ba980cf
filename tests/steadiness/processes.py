"""`warmprefix serve` with its ledger and its log on disk, and traffic that says what became of it."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

from tests.cli.test_serve import LIMIT_S, Process, start
from tests.fakes.raw_client import Answer, exchange
from tests.fakes.running_proxy import DEADLINE_S, TICK_S, Json

CHAT = "/v1/chat/completions"


@asynccontextmanager
async def serving_on_disk(
    folder: Path, backend: str, *lines: str, data: Path | None = None
) -> AsyncIterator[Process]:
    """A process whose ledger and log are in `data`, else in `folder`, with these lines of configuration."""
    where = data or folder
    text = [
        "[backend]",
        f'url = "{backend}"',
        'kind = "llamacpp"',
        "[memory]",
        f'path = "{where / "ledger.db"}"',
        "[log]",
        f'file = "{where / "turns.log"}"',
        *lines,
    ]
    config = folder / "config.toml"
    config.write_text("\n".join(text))
    process = Process(await start("--port", "0", "--config", str(config), folder=folder))
    try:
        async with asyncio.timeout(2 * LIMIT_S):
            await process.ready()
            yield process
    finally:
        await process.killed()


async def chat(url: str, text: str, *, stream: bool = False) -> Answer:
    """One request with one message."""
    body = {"messages": [{"role": "user", "content": text}], "stream": stream}
    return await exchange(url, "POST", CHAT, body)


async def metric(url: str, name: str) -> float:
    """The value of a metric without labels."""
    page = await exchange(url, "GET", "/warmprefix/metrics")
    found = [line for line in page.body.decode().splitlines() if line.startswith(f"{name} ")]
    assert len(found) == 1, name
    return float(found[0].split(" ")[1])


async def until_metric(url: str, name: str, least: float) -> float:
    """The value of a metric once it is at least so much."""
    async with asyncio.timeout(DEADLINE_S):
        while (value := await metric(url, name)) < least:  # noqa: ASYNC110  # it has no event
            await asyncio.sleep(TICK_S)
    return value


def log_lines(path: Path) -> list[Json]:
    """The lines of a turn log, each of them whole."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def integrity(path: Path) -> str:
    """What SQLite finds wrong with a file; `ok` for nothing."""
    with closing(sqlite3.connect(path)) as db:
        return str(db.execute("PRAGMA integrity_check").fetchone()[0])


def remembered(path: Path) -> int:
    """How many conversations are in the ledger file."""
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("SELECT count(*) FROM conversations").fetchone()[0])
