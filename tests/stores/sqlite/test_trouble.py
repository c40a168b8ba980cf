"""The SQLite store and the world around its file: who may read it, locks, a full disk, other proxies."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.stores.entries import LARGE, chain, entry, is_known
from tests.stores.files import fill, locked, mode, move, open_store, remove, replace, size
from warmprefix.core.errors import StoreError
from warmprefix.core.types import RawJson
from warmprefix.stores.behind import QUEUE_ENTRIES
from warmprefix.stores.sqlite.store import SqliteStore


async def test_only_the_owner_may_read(path: Path) -> None:
    for mask in (0o777, 0):
        folder = path.parent / str(mask)
        path.parent.mkdir(exist_ok=True)
        before = os.umask(mask)
        try:
            store = open_store(folder / "ledger.db")
            store.put(entry("c", "c"))
            await store.flush()
            await is_known(store, "x")
        finally:
            os.umask(before)
        modes = {file.name: mode(file) for file in folder.iterdir()}
        assert modes == {"ledger.db": 0o600, "ledger.db-wal": 0o600, "ledger.db-shm": 0o600}
        assert mode(folder) == 0o700
        await store.close()


async def test_a_folder_that_exists_keeps_its_mode(path: Path) -> None:
    replace(path, b"", mode=0o644)
    path.parent.chmod(0o755)
    await fill(path, "c")

    assert mode(path.parent) == 0o755
    assert mode(path) == 0o600


async def test_what_was_written_is_there_after_a_restart(path: Path) -> None:
    await fill(path, "c", "d")
    store = open_store(path)
    await store.flush()

    assert await is_known(store, "c")
    assert (store.state().conversations, store.state().messages) == (2, 2)
    assert [file.name for file in path.parent.iterdir() if "-" not in file.name] == ["ledger.db"]
    await store.close()


@pytest.mark.parametrize("take_away", [remove, move])
async def test_a_file_that_is_taken_away_is_made_again(
    alone: SqliteStore, path: Path, take_away: Callable[[Path], None]
) -> None:
    alone.put(entry("c", "c"))
    await alone.flush()
    take_away(path)
    alone.put(entry("d", "d"))
    await alone.flush()

    assert await is_known(alone, "d")
    assert not await is_known(alone, "c")
    assert size(path)


async def test_a_locked_file_costs_what_could_not_be_written(
    file_store: SqliteStore, path: Path
) -> None:
    file_store.put(entry("c", "c"))
    await file_store.flush()
    with locked(path):
        started = time.monotonic()
        file_store.put(entry("d", "d"))
        assert len((await file_store.find(chain("c", "new", "newer"))).nodes) == 1
        await file_store.flush()
        assert time.monotonic() - started < 5
        assert file_store.state().lost == 1
        assert await is_known(file_store, "d")

    file_store.put(entry("e", "e"))
    await file_store.flush()
    assert (file_store.state().lost, file_store.state().conversations) == (1, 2)


async def test_a_file_that_is_locked_at_the_start(path: Path) -> None:
    await fill(path, "c")
    with locked(path, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE"):
        started = time.monotonic()
        store = open_store(path)
        with pytest.raises(StoreError):
            await store.find(chain("c"))
        assert time.monotonic() - started < 1
        store.put(entry("d", "d"))
        assert await is_known(store, "d")
        await store.flush()
        assert store.state().lost == 1

    store.put(entry("e", "e"))
    await store.flush()
    assert await is_known(store, "c")
    assert (store.state().lost, store.state().replaced, store.state().conversations) == (1, 0, 2)
    await store.close()


async def test_a_full_disk_costs_what_could_not_be_written(file_store: SqliteStore) -> None:
    file_store.put(entry("c", "c"))
    await file_store.flush()
    file_store.file_writer.ledger.run(lambda db: db.execute("PRAGMA max_page_count = 1").fetchall())
    file_store.put(entry("d", "d", bytes_of={0: RawJson(LARGE * 4)}))
    await file_store.flush()
    assert file_store.state().lost == 1
    assert await is_known(file_store, "d")
    assert await is_known(file_store, "c")

    file_store.file_writer.ledger.run(
        lambda db: db.execute("PRAGMA max_page_count = 100000").fetchall()
    )
    file_store.put(entry("e", "e"))
    await file_store.flush()
    assert (file_store.state().lost, file_store.state().conversations) == (1, 2)


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = open_store(tmp_path / "file" / "ledger.db")
    with pytest.raises(StoreError):
        await store.find(chain("c"))
    store.put(entry("c", "s", "u"))
    await store.flush()

    assert await is_known(store, "s", "u")
    assert store.state().lost == 1
    await store.close()


async def test_a_full_queue_drops_what_comes_next(file_store: SqliteStore, path: Path) -> None:
    with locked(path):
        for at in range(QUEUE_ENTRIES + 5):
            file_store.put(entry(f"c{at}", f"m{at}"))
        assert file_store.state().lost == 5
        assert await is_known(file_store, f"m{QUEUE_ENTRIES + 4}")
    await file_store.flush()
    assert file_store.state().conversations + file_store.state().lost == QUEUE_ENTRIES + 5

    lost = file_store.state().lost
    file_store.put(entry("d", "d"))
    await file_store.flush()
    assert file_store.state().lost == lost


async def test_text_that_cannot_be_stored_costs_one_turn(alone: SqliteStore) -> None:
    alone.put(entry("c", "c"))
    alone.put(entry("\ud800", "d"))
    alone.put(entry("e", "e"))
    await alone.flush()

    assert await is_known(alone, "c")
    assert await is_known(alone, "e")
    assert (alone.state().lost, alone.state().conversations) == (1, 2)


async def test_two_stores_share_a_file(path: Path) -> None:
    stores = [open_store(path, front_bytes=0) for _ in range(4)]
    for at in range(25):
        for number, store in enumerate(stores):
            store.put(entry(f"c{number}-{at}", "s", f"m{number}-{at}"))
    await asyncio.gather(*(store.flush() for store in stores))

    for store in stores:
        assert await is_known(store, "s", "m0-24")
        assert await is_known(store, "s", "m3-24")
        assert (store.state().lost, store.state().replaced) == (0, 0)
    stores[0].put(entry("last", "last"))
    await stores[0].flush()
    assert stores[0].state().messages == 4 * 25 + 2
    await asyncio.gather(*(store.close() for store in stores))


async def test_a_closed_store_answers_no_more_and_raises_nothing_at_put(path: Path) -> None:
    store = open_store(path)
    store.put(entry("c", "c"))
    await store.close()
    await store.close()
    store.put(entry("d", "d"))
    await store.flush()

    assert store.state().lost == 1
    assert store.state().conversations == 1
    with pytest.raises(StoreError):
        await store.find(chain("x"))
    assert not list(path.parent.glob("*-wal"))


def test_a_store_that_is_never_closed_does_not_hold_the_process(path: Path) -> None:
    store = open_store(path)
    store.put(entry("c", "c"))
    store.queue.stop()
    store.queue.join(10)
    assert store.state().conversations == 1
