"""The SQLite store on files that are damaged, from the start or later."""

import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.stores.entries import chain, entry, is_known
from tests.stores.files import content, execute, fill, open_store, overwrite, replace, size
from warmprefix.core.errors import StoreError

pytestmark = pytest.mark.usefixtures("patient")


async def make_garbage(path: Path) -> None:
    replace(path, random.Random(1).randbytes(50_000))


async def make_text(path: Path) -> None:
    replace(path, b"not a database")


async def make_truncated(path: Path) -> None:
    await fill(path, *map(str, range(500)))
    replace(path, content(path)[: size(path) // 2])


async def make_header_lost(path: Path) -> None:
    await fill(path, "c")
    replace(path, bytes(100) + content(path)[100:])


async def make_newer(path: Path) -> None:
    await fill(path, "c")
    execute(path, "PRAGMA user_version = 9999")


async def make_foreign(path: Path) -> None:
    replace(path, b"")
    execute(path, "CREATE TABLE notes (text)")


@pytest.mark.parametrize(
    "make",
    [make_garbage, make_text, make_truncated, make_header_lost, make_newer, make_foreign],
)
async def test_a_damaged_file_is_set_aside(
    path: Path, make: Callable[[Path], Awaitable[None]], caplog: pytest.LogCaptureFixture
) -> None:
    await make(path)
    damaged = content(path)
    store = open_store(path, front_bytes=0)
    store.put(entry("n", "n"))
    await store.flush()

    assert await is_known(store, "n")
    assert (store.state().replaced, store.state().lost) == (1, 0)
    aside = next(path.parent.glob("ledger.db.damaged-*Z"))
    assert content(aside) == damaged
    # An exporter of a test before may still report that it cannot send.
    ours = [one.getMessage() for one in caplog.records if one.name.startswith("warmprefix.stores")]
    assert ours == [
        f"the ledger {path} is damaged, or none of this version: it is now {aside.name}, and a new "
        "one is begun"
    ]
    await store.close()


async def test_an_empty_file_is_a_new_ledger(path: Path) -> None:
    replace(path, b"")
    await fill(path, "c")

    store = open_store(path)
    assert await is_known(store, "c")
    assert store.state().replaced == 0
    await store.close()


async def test_files_damaged_in_the_same_second_are_all_kept(path: Path) -> None:
    for _ in range(3):
        await make_garbage(path)
        await fill(path, "c")

    assert len(list(path.parent.glob("ledger.db.damaged-*"))) == 3


async def test_damage_that_a_reader_finds_later(path: Path) -> None:
    await fill(path, *map(str, range(3_000)))
    store = open_store(path, front_bytes=0)
    await store.flush()
    overwrite(path)

    with pytest.raises(StoreError):
        await store.find(chain("17"))
    await store.flush()

    assert store.state().replaced == 1
    store.put(entry("n", "n"))
    await store.flush()
    assert await is_known(store, "n")
    assert not await is_known(store, "17")
    assert (store.state().replaced, store.state().conversations) == (1, 1)
    await store.close()


async def test_damage_that_the_writer_finds_later(path: Path) -> None:
    await fill(path, *map(str, range(3_000)))
    store = open_store(path, front_bytes=0)
    await store.flush()
    overwrite(path)

    store.put(entry("n", "n"))
    await store.flush()

    assert await is_known(store, "n")
    assert (store.state().replaced, store.state().lost) == (1, 0)
    await store.close()
