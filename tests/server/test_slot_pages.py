"""What is shown of slots and saved slots, and how they are forgotten. `warmprefix slots` reads it:
tests/cli/test_slots.py."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.builders import system, user
from tests.fakes.llama_double import LlamaDouble
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import RunningProxy, running_proxy
from warmprefix.core.slots.snapshots import Snapshot
from warmprefix.slots.saved import Snapshots
from warmprefix.slots.seatings import Seatings

PAGE = "/warmprefix/api/slots"
CHAT = "/v1/chat/completions"
OFF = {"mode": "off"}


@asynccontextmanager
async def running(folder: Path, slots: int = 2) -> AsyncIterator[RunningProxy]:
    async with (
        LlamaDouble(slots) as backend,
        running_proxy(
            backend.url,
            prewarm=OFF,
            slots={"save_path": str(folder), "save_idle_s": 3600.0},
            slots_file=folder / "slots.json",
        ) as proxy,
    ):
        await proxy.ready()
        yield proxy


def saved_of(proxy: RunningProxy) -> Snapshots:
    seatings = proxy.app.backends.first().parts.seatings
    assert isinstance(seatings, Seatings)
    snapshots = seatings.of(None).seating.snapshots
    assert snapshots is not None
    return snapshots


def put(proxy: RunningProxy, folder: Path, *names: str) -> list[str]:
    """Saved slots of these names, each older than the one before; their ids."""
    made = [
        Snapshot(f"{name}.bin", "other", name, "tip", "head", 2, 700, 9, 1000.0 - at, 1000.0)
        for at, name in enumerate(names)
    ]
    saved_of(proxy)._index.change(made, set())
    for snapshot in made:
        (folder / snapshot.name).write_bytes(b"123456789")
    return [snapshot.id for snapshot in made]


def stems(folder: Path) -> list[str]:
    """The names of the saved files that are left."""
    return sorted(file.stem for file in folder.glob("*.bin"))


async def ask(proxy: RunningProxy, method: str = "GET", path: str = PAGE) -> tuple[int, Any]:
    answer = await exchange(proxy.url, method, path)
    return answer.status, answer.json()


async def test_a_slot_shows_what_it_holds_and_not_what_was_said(tmp_path: Path) -> None:
    async with running(tmp_path, 1) as proxy:
        messages = [system("You help. " * 50), user("A secret question.")]
        await exchange(proxy.url, "POST", CHAT, {"messages": messages})
        record = await proxy.record()
        status, shown = await ask(proxy)
        raw = (await exchange(proxy.url, "GET", PAGE)).body

    (slot,) = shown["slots"]
    assert status == 200
    assert slot == {
        "slot": 0,
        "backend": record["backend"],
        "conversation": record["conversation"],
        "tokens": record["prompt_tokens"] + record["generated_tokens"] - 1,
        "busy": False,
        "side": False,
        "known": True,
        "age_s": slot["age_s"],
    }
    assert 0 <= slot["age_s"] < 60
    assert (shown["snapshots"], shown["stood_down"]) == ([], [])
    assert b"secret" not in raw


async def test_a_slot_that_nobody_used_holds_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as proxy:
        _, shown = await ask(proxy)

    empty = {"conversation": None, "tokens": 0, "busy": False, "side": False, "age_s": None}
    backend = shown["slots"][0]["backend"]
    named = {"backend": backend, "known": True}
    assert shown["slots"] == [{"slot": at, **named, **empty} for at in range(2)]


async def test_saved_slots_are_listed_newest_first_without_their_keys(tmp_path: Path) -> None:
    async with running(tmp_path) as proxy:
        ids = put(proxy, tmp_path, "a", "b")
        _, shown = await ask(proxy)

    first = shown["snapshots"][0]
    assert [snapshot["id"] for snapshot in shown["snapshots"]] == ids
    assert set(first) == {
        *("conversation", "messages", "tokens", "file", "bytes", "id", "fits", "age_s", "unused_s"),
        "opening",
    }
    assert (first["file"], first["bytes"], first["tokens"], first["fits"]) == (
        "a.bin",
        9,
        700,
        False,
    )


async def test_one_of_this_very_backend_fits(tmp_path: Path) -> None:
    async with running(tmp_path) as proxy:
        put(proxy, tmp_path, "a")
        saved_of(proxy).backend = "other"
        _, shown = await ask(proxy)

    assert [snapshot["fits"] for snapshot in shown["snapshots"]] == [True]


async def test_what_stands_down_is_told(tmp_path: Path) -> None:
    async with running(tmp_path) as proxy:
        seatings = proxy.app.backends.first().parts.seatings
        assert isinstance(seatings, Seatings)
        for _ in range(2):
            seatings.of(None).seating.judge("own", -100)
        _, shown = await ask(proxy)

    assert shown["stood_down"] == [{"behaviour": "own", "turns": 2, "cost_tokens": 200}]


FORGOTTEN: list[tuple[str, str, int, list[str]]] = [
    ("one", "a", 200, ["b"]),
    ("all", "all", 200, []),
    ("unknown", "none", 404, ["a", "b"]),
]


@pytest.mark.parametrize(
    ("which", "status", "left"), [row[1:] for row in FORGOTTEN], ids=[row[0] for row in FORGOTTEN]
)
async def test_a_saved_slot_is_forgotten_with_its_file(
    tmp_path: Path, which: str, status: int, left: list[str]
) -> None:
    async with running(tmp_path) as proxy:
        ids = dict(zip("ab", put(proxy, tmp_path, "a", "b"), strict=True))
        found, told = await ask(proxy, "DELETE", f"{PAGE}/{ids.get(which, which)}")
        files = stems(tmp_path)

    assert found == status
    assert files == left
    if status == 200:
        assert told == {"forgotten": 2 - len(left), "files_deleted": True}


async def test_all_of_none_is_none(tmp_path: Path) -> None:
    async with running(tmp_path) as proxy:
        assert await ask(proxy, "DELETE", f"{PAGE}/all") == (
            200,
            {"forgotten": 0, "files_deleted": True},
        )
