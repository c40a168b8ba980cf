"""Saved slots where something fails, on a backend that answers as told."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.slots.saving import Bench, Slots
from warmprefix.backends.probe import Props
from warmprefix.core.slots.snapshots import Held

HELD = Held("a", (b"system", b"question"), b"head", 1000)


def bins(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.glob("*.bin"))


@pytest.fixture
async def backend() -> AsyncIterator[Slots]:
    async with Slots() as backend:
        yield backend


async def test_what_went_well_is_counted_too(backend: Slots, tmp_path: Path) -> None:
    bench = Bench(backend, tmp_path)
    await bench.snapshots.save(0, HELD)
    (snapshot,) = bench.snapshots.listed()

    assert await bench.snapshots.restore(0, snapshot) == 1000
    assert bench.counters.snapshots == {"saved": 1, "restored": 1, "restored_tokens": 1000}
    await bench.close()


async def test_after_a_restart_one_that_is_another_is_refused(
    backend: Slots, tmp_path: Path
) -> None:
    """By what it says of itself, and by the size of its model."""
    bench = Bench(backend, tmp_path)
    await bench.snapshots.save(0, HELD)
    assert bench.snapshots.best(HELD.keys, HELD.head) is not None
    for says, size in ((("m",), 2), (("another",), 1)):
        bench.known._props = Props(backend.url, "", None, says=says)
        backend.size = size
        bench.known.lost()

        assert await bench.snapshots.is_ready()
        assert bench.snapshots.best(HELD.keys, HELD.head) is None
    await bench.close()


async def test_a_full_disk_is_counted(backend: Slots, tmp_path: Path) -> None:
    bench = Bench(backend, tmp_path)
    backend.saved = (500, 0)

    assert not await bench.snapshots.save(0, HELD)
    assert bench.counters.fail_open == {"slot-save": 1}
    assert bench.snapshots.listed() == ()
    await bench.close()


async def test_a_slot_that_was_emptied_is_not_entered(backend: Slots, tmp_path: Path) -> None:
    bench = Bench(backend, tmp_path)
    backend.saved = (200, 0)

    assert not await bench.snapshots.save(0, HELD)
    assert bench.snapshots.listed() == ()
    await bench.close()


async def test_what_is_saved_is_not_saved_again(backend: Slots, tmp_path: Path) -> None:
    bench = Bench(backend, tmp_path)
    assert await bench.snapshots.save(0, HELD)
    backend.saved = (500, 0)

    assert await bench.snapshots.save(0, HELD)
    assert bench.counters.fail_open == {}
    await bench.close()


async def test_a_file_of_other_tokens_is_given_up(backend: Slots, tmp_path: Path) -> None:
    bench = Bench(backend, tmp_path)
    await bench.snapshots.save(0, HELD)
    (snapshot,) = bench.snapshots.listed()
    backend.restored = (200, 7)

    assert await bench.snapshots.restore(0, snapshot) == 7
    assert bench.snapshots.listed() == ()
    assert bench.counters.fail_open == {"slot-restore": 1}
    await bench.close()


async def test_what_can_never_fit_is_not_written(backend: Slots, tmp_path: Path) -> None:
    bench = Bench(backend, tmp_path, max_save_bytes=6000)
    await bench.snapshots.save(0, HELD)

    assert not await bench.snapshots.save(0, Held("b", (b"other",), b"head", 9000))
    await bench.close()


async def test_an_index_that_cannot_be_written_is_counted(backend: Slots, tmp_path: Path) -> None:
    (tmp_path / "in-the-way").write_text("")
    bench = Bench(backend, tmp_path / "in-the-way")

    assert await bench.snapshots.save(0, HELD)
    assert bench.counters.fail_open == {"slot-index": 1}
    assert len(bench.snapshots.listed()) == 1
    await bench.close()


@pytest.mark.parametrize("status", [503, 501])
async def test_a_server_that_cannot_say_or_save(
    backend: Slots, tmp_path: Path, status: int
) -> None:
    """One that loads its model is asked again, one that was started without a folder is not."""
    bench = Bench(backend, tmp_path)
    backend.can_save = status
    assert not await bench.snapshots.save(0, HELD)
    backend.can_save = 400

    assert await bench.snapshots.save(0, HELD) is (status == 503)
    bench.known.lost()  # what comes back may be another
    assert await bench.snapshots.save(0, HELD)
    await bench.close()


async def test_a_server_that_does_not_say_what_it_is_gets_nothing(
    backend: Slots, tmp_path: Path
) -> None:
    bench = Bench(backend, tmp_path)
    backend.knows_model = False

    assert not await bench.snapshots.save(0, HELD)
    await bench.close()


async def test_a_backend_that_is_gone(backend: Slots, tmp_path: Path) -> None:
    bench = Bench(backend, tmp_path)
    bench.known._props = Props("http://127.0.0.1:9", "", None, says=("m",))
    assert not await bench.snapshots.is_ready()
    bench.known._props = None

    assert not await bench.snapshots.is_ready()
    await bench.close()


async def test_orphans_of_a_killed_proxy_are_removed(backend: Slots, tmp_path: Path) -> None:
    """Its own, and not those that may be being written now."""
    bench = Bench(backend, tmp_path, save_path=str(tmp_path))
    owner = bench.index.owner
    names = [f"warmprefix-a-{owner}.bin", f"warmprefix-b-{owner}.bin", "warmprefix-c-other.bin"]
    for name, age_s in zip(names, (7200, 60, 7200), strict=True):
        (tmp_path / name).write_text("")
        os.utime(tmp_path / name, (10_000 - age_s, 10_000 - age_s))
    bench.now = 10_000
    await bench.snapshots.is_ready()

    await bench.close()
    assert bins(tmp_path) == sorted(names[1:])
