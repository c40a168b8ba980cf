"""After a restart of a real llama-server the latest conversations are read again before they come back."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fakes.llama import StartLlama
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import BUSY_S, Json, RunningProxy, Settings, running_proxy, until
from tests.servers.stock import Served, StartEither

pytestmark = pytest.mark.backend

CHAT = "/v1/chat/completions"
ANSWER = "All files were read, and nothing is missing."
QUESTION = {"role": "user", "content": "And what is next?"}
EDGES = 32
"""Tokens around a message: its header, the end mark before it, the invitation behind it."""


def opening(name: str) -> list[Json]:
    """The beginning of a conversation of some thousand tokens."""
    return [
        {"role": "system", "content": f"You are {name}. " * 100},
        {"role": "user", "content": f"Read all files of {name}. " * 40},
    ]


async def chat(proxy: RunningProxy, messages: list[Json], **options: object) -> list[Json]:
    """One turn that ends in an answer; the history as a client keeps it."""
    body = {"messages": messages, "grammar": f'root ::= "{ANSWER}"', "temperature": 0, **options}
    answer = await exchange(proxy.url, "POST", CHAT, body)
    assert answer.status == 200, answer.body
    return [*messages, {"role": "assistant", "content": ANSWER}]


@asynccontextmanager
async def proxied(
    server: Served, slots: Settings | None = None, **prewarm: object
) -> AsyncIterator[RunningProxy]:
    settings: Settings = {"idle_s": 0.02, "restart_check_s": 0.05, **prewarm}
    async with running_proxy(server.url, prewarm=settings, slots=slots or {}) as proxy:
        await proxy.ready()
        yield proxy


def counted(proxy: RunningProxy, name: str) -> float:
    """A counter of the metrics."""
    lines = proxy.app.turns.metrics.page()[0].decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"warmprefix_{name} "))


async def reread(proxy: RunningProxy, conversations: int) -> None:
    """Return when so many were read again."""
    await until(lambda: counted(proxy, "prewarms_total") >= conversations, BUSY_S)
    await until(lambda: all(task.get_name() != "reread" for task in asyncio.all_tasks()), BUSY_S)


@pytest.mark.parametrize(("slots", "read"), [(1, 1), (2, 2), (4, 2)])
async def test_each_slot_gets_one_the_latest_first(
    start_llama: StartLlama, slots: int, read: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "warmprefix")
    server = start_llama(n_parallel=slots, cache_ram_mib=0)
    async with proxied(server) as proxy:
        older = await chat(proxy, opening("an archive"))
        newer = await chat(proxy, opening("a library"))
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        await reread(proxy, read)
        await chat(proxy, [*newer, QUESTION])
        await chat(proxy, [*older, QUESTION])
        back = (await proxy.records())[2:]

    costs = [record["processed_tokens"] for record in back]
    assert costs[0] <= len(QUESTION["content"]) + EDGES
    assert (costs[1] <= len(QUESTION["content"]) + EDGES) is (read == 2)
    assert back[0]["prewarmed_tokens"] > 2000
    assert back[0]["break"] is None
    assert caplog.text.count("reading the latest conversations again") == 1


async def test_on_either_server_both_are_read_again(start_either: StartEither) -> None:
    """Where slots share one cache, what was read first is in the RAM cache by then."""
    server = start_either()
    async with proxied(server) as proxy:
        older = await chat(proxy, opening("an archive"))
        newer = await chat(proxy, opening("a library"))
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        await reread(proxy, 2)
        await chat(proxy, [*newer, QUESTION])
        await chat(proxy, [*older, QUESTION])
        back = (await proxy.records())[2:]

    assert all(r["processed_tokens"] <= len(QUESTION["content"]) + EDGES for r in back)


async def test_a_request_that_found_nobody_is_read_before_it_is_asked_again(
    start_either: StartEither,
) -> None:
    server = start_either()
    async with proxied(server) as proxy:
        history = await chat(proxy, opening("an archive"))
        await asyncio.to_thread(server.kill)
        longer = [*history, {"role": "user", "content": "What about this one? " * 100}]
        refused = await exchange(proxy.url, "POST", CHAT, {"messages": longer})
        await asyncio.to_thread(server.start)
        await reread(proxy, 1)
        await chat(proxy, longer)
        record = (await proxy.records())[-1]

    assert refused.status == 502
    assert record["processed_tokens"] <= EDGES


async def test_a_saved_slot_is_restored_first(start_llama: StartLlama, tmp_path: Path) -> None:
    server = start_llama(n_parallel=1, cache_ram_mib=0, slot_save_path=tmp_path)
    slots = {"save_path": str(tmp_path), "save_idle_s": 0.05, "min_save_tokens": 16}
    async with proxied(server, slots) as proxy:
        history = await chat(proxy, opening("an archive"))
        await until(lambda: bool(list(tmp_path.glob("*.bin"))), BUSY_S)
        more = [*history, {"role": "user", "content": "Look again. " * 100}]
        saved = counted(proxy, "prewarmed_tokens_total")
        more = await chat(proxy, more)
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        await reread(proxy, 1)
        read = counted(proxy, "prewarmed_tokens_total") - saved
        await chat(proxy, [*more, QUESTION])
        record = (await proxy.records())[-1]

    assert record["processed_tokens"] <= len(QUESTION["content"]) + EDGES
    assert read < 2000  # most of it came from the file


@pytest.mark.parametrize(
    "prewarm",
    [
        pytest.param({"restart_check_s": 0.0}, id="never-asked"),
        pytest.param({"mode": "off"}, id="off"),
        pytest.param({"min_tokens": 100_000}, id="not-worth-it"),
    ],
)
async def test_switched_off_the_conversation_is_read_when_it_returns(
    start_either: StartEither, prewarm: Json
) -> None:
    server = start_either()
    async with proxied(server, **prewarm) as proxy:
        history = await chat(proxy, opening("an archive"))
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        await asyncio.sleep(0.5)
        await chat(proxy, [*history, QUESTION])
        record = (await proxy.records())[-1]

    assert record["processed_tokens"] > 2000
    assert record["prewarmed_tokens"] is None
    assert record["break"]["cause"] == "restarted"


async def test_another_model_is_left_alone(start_llama: StartLlama, tmp_path: Path) -> None:
    server = start_llama(n_parallel=2, cache_ram_mib=0)
    async with proxied(server) as proxy:
        history = await chat(proxy, opening("an archive"))
        await asyncio.to_thread(server.kill)
        other = shutil.copy(str(server.options["model.path"]), tmp_path / "other.gguf")
        server.options["model.path"] = str(other)
        await asyncio.to_thread(server.start)
        await until(
            lambda: proxy.app.known.start is not None and str(other) in proxy.app.known.start
        )
        await asyncio.sleep(0.3)
        ran = counted(proxy, "prewarms_total")
        await chat(proxy, [*history, QUESTION])
        record = (await proxy.records())[-1]

    assert ran == 0
    assert record["processed_tokens"] > 2000


async def test_who_came_first_keeps_the_slots(start_either: StartEither) -> None:
    """Somebody else uses the new server before we have noticed: nothing of theirs is cut."""
    server = start_either()
    theirs = {"messages": [{"role": "user", "content": "Mine. " * 200}], "max_tokens": 2}
    async with proxied(server, restart_check_s=1.0) as proxy:
        await chat(proxy, opening("an archive"))
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        await exchange(server.url, "POST", CHAT, theirs)
        before = proxy.app.known.start
        await until(lambda: proxy.app.known.start != before)
        await asyncio.sleep(0.3)
        again = await exchange(server.url, "POST", CHAT, theirs)

    assert again.json()["timings"]["prompt_n"] <= EDGES


async def test_a_request_ends_it_and_it_goes_on_where_it_was(start_llama: StartLlama) -> None:
    """With a prompt long enough to be interrupted. Slots of their own: a server without flags clears what was
    begun when the other request starts."""
    server = start_llama()
    long = [{"role": "user", "content": "There is one thing more to be said of it. " * 250}]
    async with proxied(server) as proxy:
        history = await chat(proxy, long)
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        await until(lambda: counted(proxy, "prewarms_total") >= 1, BUSY_S)
        await chat(proxy, [{"role": "user", "content": "Hi."}])
        cancelled = counted(proxy, "prewarms_cancelled_total")
        await reread(proxy, 2)
        await chat(proxy, [*history, QUESTION])
        _, short, back = await proxy.records()

    assert cancelled == 1
    assert short["outcome"] == "ok"
    assert back["processed_tokens"] <= len(QUESTION["content"]) + EDGES
    assert back["prewarmed_tokens"] > 1000
