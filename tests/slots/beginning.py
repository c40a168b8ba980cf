"""Conversations that begin alike, through a proxy in front of a real llama-server."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import BUSY_S, Json, RunningProxy, Settings, running_proxy, until
from tests.servers.stock import StockServer
from warmprefix.core.slots.snapshots import Snapshot
from warmprefix.slots.seating import Seating
from warmprefix.slots.seatings import Seatings

CHAT = "/v1/chat/completions"
RULES = "You are an agent that works on the files of a project, and you answer in one line.\n" * 40
TOOL = {
    "type": "function",
    "function": {
        "name": "read",
        "description": "Reads a file. " * 20,
        "parameters": {"type": "object", "properties": {"path": {"type": "string"}}},
    },
}
EDGES = 64
"""Tokens that a new conversation may read besides its own text: headers, and the end of a line."""


def own(name: str) -> str:
    """What only the conversation of this name says: the end of the system text and the question."""
    return f"Status of {name}: " + f"{name}.py changed. " * 6


def begun(name: str, times: int = 8) -> list[Json]:
    return [
        {"role": "system", "content": RULES + own(name)},
        {"role": "user", "content": f"{name}: what is to be done? " * times},
    ]


def size(messages: list[Json]) -> int:
    """Tokens of what is the conversation's own: one a byte."""
    return sum(len(message["content"].encode()) for message in messages) - len(RULES)


async def chat(
    proxy: RunningProxy,
    messages: list[Json],
    *,
    headers: Sequence[tuple[str, str]] = (),
    **options: object,
) -> list[Json]:
    """A turn; the history with the next question."""
    body = {"messages": messages, "tools": [TOOL], "max_tokens": 6, "temperature": 0, **options}
    answer = await exchange(proxy.url, "POST", CHAT, body, headers=headers)
    assert answer.status == 200, answer.body
    reply = {"role": "assistant", "content": answer.json()["choices"][0]["message"]["content"]}
    return [*messages, reply, {"role": "user", "content": "And now?"}]


def seating_of(proxy: RunningProxy) -> Seating:
    (backend,) = proxy.app.backends.all
    assert isinstance(backend.parts.seatings, Seatings)
    return backend.parts.seatings.of(None).seating


def openings(proxy: RunningProxy) -> list[Snapshot]:
    snapshots = seating_of(proxy).snapshots
    assert snapshots is not None
    return [one for one in snapshots.listed() if one.opening]


async def rested() -> None:
    """Return when nothing of ours runs beside the requests."""
    await until(lambda: not any(t.get_name() == "openings" for t in asyncio.all_tasks()), BUSY_S)


async def saved(proxy: RunningProxy, number: int = 1) -> None:
    await proxy.records()
    await until(lambda: len(openings(proxy)) == number, BUSY_S)
    await rested()


async def learnt(
    proxy: RunningProxy, times: int = 8, headers: Sequence[tuple[str, str]] = ()
) -> list[Json]:
    """Two conversations that begin alike, so that their opening is saved; how the second goes on."""
    for name in ("alpha", "beta"):
        history = await chat(proxy, begun(name, times), headers=headers)
        await proxy.records()
    await saved(proxy)
    return history


@asynccontextmanager
async def proxied(
    server: StockServer,
    folder: Path,
    *,
    index: Path | None = None,
    prewarm: Settings | None = None,
    slots: Settings | None = None,
) -> AsyncIterator[RunningProxy]:
    settings = {"save_idle_s": 0.05, "save_path": str(folder), **(slots or {})}
    ahead = {"idle_s": 0.02, **(prewarm or {})}
    async with running_proxy(server.url, slots=settings, prewarm=ahead, slots_file=index) as proxy:
        await proxy.app.backends.all[0].parts.seatings.announce()
        await rested()
        yield proxy
