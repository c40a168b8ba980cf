"""Saved slots on a real llama-server when something goes wrong: full disk, crash, a file of another server.

Every turn is answered, and by temperature 0 with the very text that a server without any cache gives.
"""

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.llama import LlamaServer, StartLlama, template
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Json, RunningProxy, running_proxy, until
from tests.real.saved_slots import listed, saved

pytestmark = pytest.mark.backend

CHAT = "/v1/chat/completions"
SYSTEM = {"role": "system", "content": "You help with files. " * 90}
FIRST = [SYSTEM, {"role": "user", "content": "Here is what I have so far. " * 36 + "Go on.\n"}]
SECOND = [SYSTEM, {"role": "user", "content": "There is what I had before. " * 37 + "Go on.\n"}]
QUESTION = {"role": "user", "content": "And now? " * 3}
REPLY_TOKENS = 24
"""Enough to tell: the tiny model's replies to FIRST and SECOND differ from the first token on."""

IDLE = {"save_idle_s": 0.05}
NEVER = {"save_idle_s": 3600.0}


async def ask(url: str, messages: list[Json]) -> str:
    body = {"messages": messages, "max_tokens": REPLY_TOKENS, "temperature": 0}
    answer = await exchange(url, "POST", CHAT, body)
    assert answer.status == 200, answer.body
    return str(answer.json()["choices"][0]["message"]["content"])


async def first_turn(proxy: RunningProxy, messages: list[Json]) -> list[Json]:
    """The history, longer by a reply and the next question."""
    await proxy.ready()
    reply = {"role": "assistant", "content": await ask(proxy.url, messages)}
    return [*messages, reply, QUESTION]


async def unsaved(start_llama: StartLlama, history: list[Json], **options: Any) -> str:
    """The reply where neither the server nor the proxy has seen the conversation before."""
    server = start_llama(n_parallel=1, cache_ram_mib=0, **options)
    async with running_proxy(server.url) as proxy:
        await proxy.ready()
        text = await ask(proxy.url, history)
    server.stop()
    return text


def failures(proxy: RunningProxy) -> dict[str, int]:
    (backend,) = proxy.app.backends.all
    return dict(backend.parts.counters.fail_open)


def crash(server: LlamaServer) -> None:
    """SIGKILL and a new start on the same port: nothing is left in its memory."""
    server.kill()
    server.start()


def limit_files(server: LlamaServer, size_bytes: int) -> None:
    """Let every write of the server fail that would make a file larger."""
    assert server.pid is not None
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (size_bytes, size_bytes))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "slots"
    found.mkdir(mode=0o700)
    return found


@pytest.fixture
def small_disk(folder: Path) -> Iterator[Path]:
    """A folder that holds some hundred tokens."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("save_path", [False, True], ids=["pool", "folder"])
async def test_a_full_disk_is_counted_and_costs_no_cache(
    start_llama: StartLlama, small_disk: Path, save_path: bool
) -> None:
    server = start_llama(n_parallel=1, slot_save_path=small_disk)
    slots = {**IDLE, "save_path": str(small_disk) if save_path else ""}
    async with running_proxy(server.url, slots=slots) as proxy:
        history = await first_turn(proxy, FIRST)
        await until(lambda: failures(proxy) == {"slot-save": 1})
        page = proxy.app.turns.metrics.page()[0].decode()
        history = [*history, {"role": "assistant", "content": await ask(proxy.url, history)}]
        await until(lambda: failures(proxy) == {"slot-save": 2})
        crash(server)
        text = await ask(proxy.url, [*history, QUESTION])
        first, warm, cold = await proxy.records()
        assert listed(proxy) == []

    assert 'warmprefix_fail_open_total{reason="slot-save"} 1.0' in page
    assert warm["cached_tokens"] >= first["prompt_tokens"]
    assert cold["cached_tokens"] == 0
    assert text == await unsaved(start_llama, [*history, QUESTION])


@pytest.mark.parametrize("missing_bytes", [1, 3000, 100_000])
async def test_a_file_that_just_does_not_fit_is_not_restored(
    start_llama: StartLlama, folder: Path, missing_bytes: int
) -> None:
    """The last bytes are written when the file is closed, where llama-server does not notice.

    Without slots.save_path we do not either.
    """
    server = start_llama(n_parallel=1, slot_save_path=folder)
    async with running_proxy(server.url, slots=IDLE) as proxy:
        await first_turn(proxy, FIRST)
        whole_bytes = (await saved(proxy))[0].size_bytes
    crash(server)
    limit_files(server, whole_bytes - missing_bytes)
    async with running_proxy(server.url, slots={**IDLE, "save_path": str(folder)}) as proxy:
        history = await first_turn(proxy, FIRST)
        await proxy.records()
        await until(lambda: bool(failures(proxy)) or bool(listed(proxy)))
        crash(server)
        text = await ask(proxy.url, history)
        last = (await proxy.records())[-1]
        assert sum(failures(proxy).values()) == 1

    assert "restored" not in last["slot_reason"]
    assert last["cached_tokens"] == 0
    assert text == await unsaved(start_llama, history)


def cut_off(folder: Path) -> None:
    """Take the last bytes from the only file; llama-server aborts when it restores such a file."""
    (file,) = folder.iterdir()
    os.truncate(file, file.stat().st_size - 3000)


def hold_up_saving(folder: Path) -> bytes:
    """Put a pipe in the place of the only file: whoever opens it to write waits for a reader. What the file
    held."""
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    file.unlink()
    os.mkfifo(file)
    return whole


def is_held_up(server: LlamaServer) -> bool:
    """Whether a thread of the server is opening a pipe (Linux, fs/pipe.c, fifo_open)."""
    threads = Path(f"/proc/{server.pid}/task").iterdir()
    return any((thread / "wchan").read_text() == "wait_for_partner" for thread in threads)


def leave_half(folder: Path, whole: bytes) -> None:
    """The file, as far as it had been written."""
    (pipe,) = folder.iterdir()
    pipe.unlink()
    pipe.write_bytes(whole)
    cut_off(folder)


@pytest.mark.parametrize("proxy_dies", [False, True], ids=["proxy-lives", "proxy-dies"])
async def test_a_server_killed_while_it_saves(
    start_llama: StartLlama, folder: Path, tmp_path: Path, proxy_dies: bool
) -> None:
    """It writes over the file of the turn before; what is left of it would end llama-server."""
    server = start_llama(n_parallel=1, slot_save_path=folder)
    index, left = tmp_path / "slots.json", tmp_path / "left.json"
    slots = {"save_idle_s": 0.3}
    async with running_proxy(server.url, slots=slots, slots_file=index) as proxy:
        history = await first_turn(proxy, FIRST)
        await saved(proxy)
        whole = hold_up_saving(folder)
        history = [*history, {"role": "assistant", "content": await ask(proxy.url, history)}]
        history.append(QUESTION)
        await until(lambda: is_held_up(server))
        server.kill()
        leave_half(folder, whole)
        shutil.copy(index, left)
        await until(lambda: failures(proxy) == {"slot-save": 1})
        server.start()
        if not proxy_dies:
            text = await ask(proxy.url, history)
            assert (await proxy.records())[-1]["cached_tokens"] == 0
    if proxy_dies:
        async with running_proxy(server.url, slots=slots, slots_file=left) as proxy:
            await proxy.ready()
            text = await ask(proxy.url, history)
            assert (await proxy.record())["cached_tokens"] == 0
            assert failures(proxy) == {}

    assert text == await unsaved(start_llama, history)


async def test_a_file_that_ends_the_server_ends_it_once(
    start_llama: StartLlama, folder: Path
) -> None:
    """Without slots.save_path nobody sees that its end is missing; afterwards it is forgotten."""
    server = start_llama(n_parallel=1, slot_save_path=folder)
    async with running_proxy(server.url, slots=IDLE) as proxy:
        history = await first_turn(proxy, FIRST)
        await saved(proxy)
        cut_off(folder)
        crash(server)
        await exchange(proxy.url, "POST", CHAT, {"messages": history, "max_tokens": 1})
        await until(lambda: failures(proxy).get("slot-restore") == 1)
        crash(server)
        text = await ask(proxy.url, history)
        last = (await proxy.records())[-1]
        assert failures(proxy)["slot-restore"] == 1

    assert "restored" not in last["slot_reason"]
    assert text == await unsaved(start_llama, history)


OTHER_SERVERS: dict[str, Json] = {
    "context": {"ctx_size": 8192},
    "template": {"chat_template": template("chatml_tools").replace("<|im_start|>", "<|begin|>")},
}


@pytest.mark.parametrize("other", OTHER_SERVERS)
async def test_a_snapshot_of_another_server_is_not_restored(
    start_llama: StartLlama, folder: Path, tmp_path: Path, other: str
) -> None:
    """The server that is started in its place is another one."""
    server = start_llama(n_parallel=1, slot_save_path=folder)
    index = tmp_path / "slots.json"
    async with running_proxy(server.url, slots=IDLE, slots_file=index) as proxy:
        history = await first_turn(proxy, FIRST)
        await saved(proxy)
    server.stop()
    server = start_llama(n_parallel=1, slot_save_path=folder, **OTHER_SERVERS[other])
    async with running_proxy(server.url, slots=NEVER, slots_file=index) as proxy:
        await proxy.ready()
        text = await ask(proxy.url, history)
        record = await proxy.record()
        assert failures(proxy) == {}

    assert "restored" not in record["slot_reason"]
    assert record["cached_tokens"] == 0
    assert text == await unsaved(start_llama, history, **OTHER_SERVERS[other])


@pytest.mark.parametrize("save_path", [False, True], ids=["pool", "folder"])
@pytest.mark.parametrize("other", OTHER_SERVERS)
async def test_a_file_of_another_server_under_our_name(
    start_llama: StartLlama, folder: Path, other: str, save_path: bool
) -> None:
    """It has another conversation's cache of about the same size."""
    server = start_llama(n_parallel=1, slot_save_path=folder)
    foreign = start_llama(n_parallel=1, slot_save_path=folder, **OTHER_SERVERS[other])
    slots = {**IDLE, "save_path": str(folder) if save_path else ""}
    async with running_proxy(server.url, slots=slots) as proxy:
        history = await first_turn(proxy, FIRST)
        name = (await saved(proxy))[0].name
        await ask(foreign.url, SECOND)
        foreign.post("/slots/0?action=save", {"filename": name})
        foreign.stop()
        crash(server)
        text = await ask(proxy.url, history)
        assert [record["status"] for record in await proxy.records()] == [200, 200]

    assert text == await unsaved(start_llama, history)


async def test_two_proxies_and_a_crash_of_their_server(
    start_llama: StartLlama, folder: Path, tmp_path: Path
) -> None:
    """Neither knows of the other: what one believes to be in a slot may be the other's."""
    server = start_llama(n_parallel=2, cache_ram_mib=0, slot_save_path=folder)
    slots = {**IDLE, "save_path": str(folder)}
    async with (
        running_proxy(server.url, slots=slots, slots_file=tmp_path / "one.json") as one,
        running_proxy(server.url, slots=slots, slots_file=tmp_path / "two.json") as two,
    ):
        histories = [await first_turn(one, FIRST)]
        await saved(one)
        histories.append(await first_turn(two, SECOND))
        await saved(two)
        crash(server)
        texts = [await ask(one.url, histories[0]), await ask(two.url, histories[1])]
        print(
            texts,
            [(await p.records())[-1]["slot_reason"] for p in (one, two)],
            failures(one),
            failures(two),
        )

    assert texts[0] != texts[1]
    assert texts == [await unsaved(start_llama, history) for history in histories]


@pytest.mark.parametrize("ram", [0, 256], ids=["no-ram-cache", "ram-cache"])
async def test_what_was_restored_answers_as_if_nothing_had_happened(
    start_llama: StartLlama, folder: Path, ram: int
) -> None:
    """Two turns after the crash say what they say on a server that did not crash."""
    texts = []
    for crashes in (False, True):
        server = start_llama(n_parallel=1, cache_ram_mib=ram, slot_save_path=folder)
        async with running_proxy(server.url, slots=IDLE) as proxy:
            history = await first_turn(proxy, FIRST)
            await saved(proxy)
            if crashes:
                crash(server)
            replies = [await ask(proxy.url, history)]
            answered = {"role": "assistant", "content": replies[0]}
            replies.append(await ask(proxy.url, [*history, answered, QUESTION]))
            record = (await proxy.records())[1]
            assert record["slot_reason"].startswith("restored ") is crashes
        texts.append(replies)

    assert texts[0] == texts[1]
