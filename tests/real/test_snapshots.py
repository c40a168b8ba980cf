"""Saved slots on a real llama-server: a conversation outlives the server, the slot and the proxy."""

import asyncio
import json
from itertools import pairwise
from pathlib import Path

import pytest

from tests.fakes.llama import LlamaServer, StartLlama
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import BUSY_S, Json, RunningProxy, running_proxy, until
from tests.real.saved_slots import listed, saved
from warmprefix.slots.seatings import Seatings

pytestmark = pytest.mark.backend

CHAT = "/v1/chat/completions"
SYSTEM = {"role": "system", "content": "You help with files. " * 90}
FIRST = [SYSTEM, {"role": "user", "content": "Here is what I have so far. " * 36 + "Go on.\n"}]
OTHER = [{"role": "system", "content": "Quite another. " * 100}, {"role": "user", "content": "Hm?"}]
TITLE = [SYSTEM, {"role": "user", "content": "Generate a short title for this chat."}]
NEVER_S = 3600.0


async def chat(proxy: RunningProxy, messages: list[Json], **options: object) -> str:
    body = {"messages": messages, "max_tokens": 8, "temperature": 0, **options}
    answer = await exchange(proxy.url, "POST", CHAT, body)
    assert answer.status == 200, answer.body
    return str(answer.json()["choices"][0]["message"]["content"])


async def next_turn(proxy: RunningProxy, history: list[Json]) -> list[Json]:
    """The history, longer by a reply and the next question."""
    reply = {"role": "assistant", "content": await chat(proxy, history)}
    return [*history, reply, {"role": "user", "content": "And now? " * 3}]


def stripped(history: list[Json]) -> list[Json]:
    """As a client gives it back that stores messages without their edges."""
    return [{**message, "content": message["content"].strip()} for message in history]


def names(proxy: RunningProxy) -> list[str]:
    return [snapshot.name for snapshot in listed(proxy)]


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("warmprefix-*.bin"))


def failures(proxy: RunningProxy) -> dict[str, int]:
    (backend,) = proxy.app.backends.all
    return dict(backend.parts.counters.fail_open)


def crash(server: LlamaServer) -> None:
    """SIGKILL and a new start on the same port: nothing is left in its memory."""
    server.kill()
    server.start()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "slots"
    found.mkdir(mode=0o700)
    return found


def cached_share(record: Json) -> float:
    return float(record["cached_tokens"] / record["prompt_tokens"])


@pytest.mark.parametrize("strips", [False, True], ids=["as-sent", "stripped"])
@pytest.mark.parametrize("ram", [0, 256], ids=["no-ram-cache", "ram-cache"])
@pytest.mark.parametrize("slots", [1, 2])
async def test_a_conversation_outlives_a_crash_of_the_server(
    start_llama: StartLlama, folder: Path, slots: int, ram: int, strips: bool
) -> None:
    server = start_llama(n_parallel=slots, cache_ram_mib=ram, slot_save_path=folder)
    async with running_proxy(server.url, slots={"save_idle_s": 0.05}) as proxy:
        await proxy.ready()
        history = await next_turn(proxy, FIRST)
        await saved(proxy)
        crash(server)
        await next_turn(proxy, stripped(history) if strips else history)
        first, second = await proxy.records()

    assert 2900 < first["prompt_tokens"] < 3300
    assert second["slot_reason"].startswith("restored ")
    assert cached_share(second) >= 0.95
    # One that was not stripped goes on behind the reply, as if nothing had happened.
    assert second["cached_tokens"] >= first["prompt_tokens"]


@pytest.mark.parametrize("save_path", [False, True], ids=["pool", "folder"])
async def test_both_may_start_anew(
    start_llama: StartLlama, folder: Path, tmp_path: Path, save_path: bool
) -> None:
    """The index is kept beside the ledger; at its end the proxy saves what is not saved yet."""
    server = start_llama(n_parallel=2, slot_save_path=folder)
    slots = {"save_idle_s": NEVER_S, "save_path": str(folder) if save_path else ""}
    index = tmp_path / "ledger" / "slots.json"
    async with running_proxy(server.url, slots=slots, slots_file=index) as proxy:
        await proxy.ready()
        history = await next_turn(proxy, FIRST)
    crash(server)
    async with running_proxy(server.url, slots=slots, slots_file=index) as proxy:
        await next_turn(proxy, history)
        record = await proxy.record()

    assert record["slot_reason"].startswith("restored ")
    assert cached_share(record) >= 0.95
    assert index.stat().st_mode & 0o777 == 0o600
    if save_path:  # superseded ones are deleted, and what is left is its owner's only
        assert [file.stat().st_mode & 0o777 for file in files(folder)] == [0o600]


@pytest.mark.parametrize("ram", [0, 256], ids=["no-ram-cache", "ram-cache"])
@pytest.mark.parametrize("aside", ["title", "other"])
async def test_what_takes_the_only_slot_costs_the_conversation_nothing(
    start_llama: StartLlama, folder: Path, aside: str, ram: int
) -> None:
    """Saved before it is cut, and restored when it comes back."""
    server = start_llama(n_parallel=1, cache_ram_mib=ram, slot_save_path=folder)
    async with running_proxy(server.url, slots={"save_idle_s": NEVER_S}) as proxy:
        await proxy.ready()
        history = await next_turn(proxy, FIRST)
        for _ in range(2):
            await chat(proxy, TITLE if aside == "title" else OTHER)
            history = await next_turn(proxy, history)
        records = [r for r in await proxy.records() if r["prompt_tokens"] > 2500]

    assert len(records) == 3
    for before, after in pairwise(records):
        assert after["cached_tokens"] >= before["prompt_tokens"] + before["generated_tokens"] - 1


async def test_without_saving_the_only_slot_is_lost(start_llama: StartLlama) -> None:
    """What it is for; and the backend says once that it cannot save."""
    server = start_llama(n_parallel=1, cache_ram_mib=0)
    async with running_proxy(server.url) as proxy:
        await proxy.ready()
        history = await next_turn(proxy, FIRST)
        await chat(proxy, TITLE)
        await next_turn(proxy, history)
        last = (await proxy.records())[-1]

    assert cached_share(last) < 0.7
    assert failures(proxy) == {}


async def test_it_says_once_that_the_server_cannot_save(
    start_llama: StartLlama, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "warmprefix")
    server = start_llama(n_parallel=1)
    async with running_proxy(server.url) as proxy:
        (backend,) = proxy.app.backends.all
        assert isinstance(backend.parts.seatings, Seatings)
        for _ in range(2):
            await backend.parts.seatings.announce()

    assert caplog.text.count("--slot-save-path") == 1


async def test_the_slot_of_many_conversations(start_llama: StartLlama, folder: Path) -> None:
    """Three in two slots, in turn: each finds its own again."""
    server = start_llama(n_parallel=2, cache_ram_mib=0, slot_save_path=folder)
    async with running_proxy(server.url, slots={"save_idle_s": NEVER_S}) as proxy:
        await proxy.ready()
        histories = [
            [{"role": "system", "content": f"{name} " * 300}, {"role": "user", "content": "Go."}]
            for name in ("first", "second", "third")
        ]
        for _ in range(3):
            histories = [await next_turn(proxy, history) for history in histories]
        records = await proxy.records()

    assert all(cached_share(record) > 0.9 for record in records[3:])
    assert failures(proxy) == {}


async def damaged(start_llama: StartLlama, folder: Path, how: str, save_path: str) -> list[Json]:
    """Two turns with a crash in between and a file that is no longer what it was."""
    server = start_llama(n_parallel=1, slot_save_path=folder)
    slots = {"save_idle_s": 0.05, "save_path": save_path}
    async with running_proxy(server.url, slots=slots) as proxy:
        await proxy.ready()
        history = await next_turn(proxy, FIRST)
        await saved(proxy)
        (file,) = files(folder)
        if how == "missing":
            file.unlink()
        elif how == "truncated":
            file.write_bytes(file.read_bytes()[:5000])
        else:
            file.write_bytes(b"something else" * 1000)
        crash(server)
        await next_turn(proxy, history)
        records = await proxy.records()
        assert failures(proxy) == {"slot-restore": 1}
        return records


@pytest.mark.parametrize("save_path", [False, True], ids=["pool", "folder"])
@pytest.mark.parametrize("how", ["missing", "truncated", "foreign"])
async def test_a_file_that_cannot_be_restored_costs_nothing(
    start_llama: StartLlama, folder: Path, how: str, save_path: bool
) -> None:
    records = await damaged(start_llama, folder, how, str(folder) if save_path else "")

    assert [record["status"] for record in records] == [200, 200]
    assert "restored" not in records[1]["slot_reason"]


async def test_a_snapshot_of_another_template_is_not_restored(
    start_llama: StartLlama, folder: Path
) -> None:
    server = start_llama(n_parallel=1, slot_save_path=folder)
    async with running_proxy(server.url, slots={"save_idle_s": 0.05}) as proxy:
        await proxy.ready()
        history = await next_turn(proxy, FIRST)
        await saved(proxy)
        server.kill()
        server.options["chat_template"] = str(server.options["chat_template"]) + "\n"
        server.start()
        await next_turn(proxy, history)
        records = await proxy.records()

    assert "restored" not in records[1]["slot_reason"]
    assert failures(proxy) == {}


async def test_a_folder_that_is_gone_is_counted_and_no_more(
    start_llama: StartLlama, folder: Path
) -> None:
    server = start_llama(n_parallel=1, slot_save_path=folder)
    async with running_proxy(server.url, slots={"save_idle_s": NEVER_S}) as proxy:
        await proxy.ready()
        history = await next_turn(proxy, FIRST)
        folder.rmdir()  # noqa: ASYNC240  # an empty folder
        await chat(proxy, OTHER)
        await next_turn(proxy, history)
        records = await proxy.records()

    assert [record["status"] for record in records] == [200] * 3
    assert failures(proxy)["slot-save"] >= 1


async def test_two_proxies_share_a_folder(
    start_llama: StartLlama, folder: Path, tmp_path: Path
) -> None:
    """Neither writes over, restores nor deletes what the other saved."""
    server = start_llama(n_parallel=1, cache_ram_mib=0, slot_save_path=folder)
    slots = {"save_idle_s": NEVER_S, "save_path": str(folder)}
    one_index, two_index = tmp_path / "one.json", tmp_path / "two.json"
    async with (
        running_proxy(server.url, slots=slots, slots_file=one_index) as one,
        running_proxy(server.url, slots=slots, slots_file=two_index) as two,
    ):
        for proxy in (one, two):
            await proxy.ready()
            history = await next_turn(proxy, FIRST)
            await chat(proxy, OTHER)
            await next_turn(proxy, history)
            await exchange(proxy.url, "DELETE", "/warmprefix/api/slots/all")
            history = await next_turn(proxy, history)
            await chat(proxy, OTHER)
        assert len(files(folder)) >= 2
        await exchange(two.url, "DELETE", "/warmprefix/api/slots/all")
        assert {file.name for file in files(folder)} == set(names(one))


async def test_the_folder_is_bounded(start_llama: StartLlama, folder: Path) -> None:
    server = start_llama(n_parallel=1, cache_ram_mib=0, slot_save_path=folder)
    slots = {"save_idle_s": NEVER_S, "save_path": str(folder), "max_save_bytes": 2_000_000}
    async with running_proxy(server.url, slots=slots) as proxy:
        await proxy.ready()
        for name in ("a", "b", "c", "d", "e"):
            system = {"role": "system", "content": f"{name} " * 700}
            await chat(proxy, [system, {"role": "user", "content": "Go."}])
        await proxy.records()

    assert 1 <= len(files(folder)) < 4
    assert sum(file.stat().st_size for file in files(folder)) <= 2_000_000


async def test_the_page_of_slots(start_llama: StartLlama, folder: Path) -> None:
    server = start_llama(n_parallel=2, slot_save_path=folder)
    slots = {"save_idle_s": 0.05, "save_path": str(folder)}
    async with running_proxy(server.url, slots=slots) as proxy:
        await proxy.ready()
        await chat(proxy, FIRST)
        await saved(proxy)
        page = (await exchange(proxy.url, "GET", "/warmprefix/api/slots")).json()
        (kept,) = page["snapshots"]
        gone = await exchange(proxy.url, "DELETE", f"/warmprefix/api/slots/{kept['id']}")
        again = await exchange(proxy.url, "DELETE", f"/warmprefix/api/slots/{kept['id']}")
        (record,) = await proxy.records()
        assert files(folder) == []

    (held,) = [slot for slot in page["slots"] if slot["conversation"]]
    assert held["conversation"] == kept["conversation"] == record["conversation"]
    assert (held["busy"], kept["fits"]) == (False, True)
    assert kept["tokens"] == record["prompt_tokens"] + record["generated_tokens"] - 1
    assert kept["bytes"] > 100 * kept["tokens"]
    assert json.loads(gone.body) == {"forgotten": 1, "files_deleted": True}
    assert again.status == 404


async def test_what_was_restored_in_vain_is_forgotten(
    start_llama: StartLlama, folder: Path
) -> None:
    """Its file is one that another prompt of just as many tokens was written to."""
    server = start_llama(n_parallel=1, cache_ram_mib=0, slot_save_path=folder)
    async with running_proxy(server.url, slots={"save_idle_s": 0.05}) as proxy:
        await proxy.ready()
        history = await next_turn(proxy, FIRST)
        await saved(proxy)
        (file,) = files(folder)
        server.post("/slots/0?action=erase", {})
        tokens = (await proxy.records())[0]["prompt_tokens"] + 7
        server.post("/completion", {"prompt": [40] * tokens, "n_predict": 1})
        server.post("/slots/0?action=save", {"filename": file.name})
        crash(server)
        await next_turn(proxy, history)
        last = (await proxy.records())[-1]
        assert names(proxy) == []

    assert last["status"] == 200
    assert last["cached_tokens"] < 10
    assert failures(proxy) == {"slot-restore": 1}


async def test_a_client_that_leaves_leaves_no_slot_busy(
    start_llama: StartLlama, folder: Path
) -> None:
    server = start_llama(n_parallel=2, slot_save_path=folder)
    async with running_proxy(server.url, slots={"save_idle_s": 0.05}) as proxy:
        await proxy.ready()
        history = await next_turn(proxy, FIRST)
        await saved(proxy)
        crash(server)
        (backend,) = proxy.app.backends.all
        assert isinstance(backend.parts.seatings, Seatings)
        seating = backend.parts.seatings.of(None).seating
        work = asyncio.ensure_future(chat(proxy, history))
        while seating.table.is_quiet:  # noqa: ASYNC110  # no event
            await asyncio.sleep(0)
        work.cancel()
        await until(lambda: not any(slot.is_busy for slot in seating.table.slots))
        # The server may still be at what it restored: until it has noticed, what the slot holds is not known.
        await until(lambda: b'"is_processing":true' not in server.get("/slots"), BUSY_S)
        await next_turn(proxy, history)
        last = (await proxy.records())[-1]

    assert last["status"] == 200
    assert cached_share(last) >= 0.95
