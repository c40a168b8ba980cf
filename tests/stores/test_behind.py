"""Any far store behind the queue and the front: nobody waits for it, and what it costs is counted."""

import time
from collections.abc import AsyncIterator

import pytest

from tests.fakes.running_proxy import until
from tests.fakes.toy_store import ADDRESS, ToyEngine
from tests.stores.entries import chain, entry, is_known
from warmprefix.core.errors import StoreError
from warmprefix.stores.base import Opening, Store
from warmprefix.stores.timed_reader import LIMIT_S

SOON_S = LIMIT_S + 1.0
"""What a question takes at most that has a limit, on a busy machine."""


@pytest.fixture
def engine() -> ToyEngine:
    return ToyEngine()


@pytest.fixture
async def store(engine: ToyEngine) -> AsyncIterator[Store]:
    """A store whose far side has been counted once."""
    made = opened(engine)
    await made.flush()
    engine.trips.clear()
    yield made
    engine.answers.set()
    await made.close()


def opened(engine: ToyEngine) -> Store:
    return engine.kind.open(Opening(ADDRESS, 10**9, 1e9))


async def test_a_history_is_one_round_trip(engine: ToyEngine, store: Store) -> None:
    store.put(entry("c", *(f"m{at}" for at in range(500))))
    await store.flush()
    other = opened(engine)
    await other.flush()
    engine.trips.clear()

    found = await other.find(chain(*(f"m{at}" for at in range(500)), "new"))

    assert len(found.nodes) == 500
    assert engine.trips == ["find"]
    await other.close()


async def test_turns_that_wait_are_one_round_trip(engine: ToyEngine, store: Store) -> None:
    engine.answers.clear()
    store.put(entry("first", "first"))
    await until(lambda: engine.trips == ["write"])
    for at in range(50):
        store.put(entry(f"c{at}", f"m{at}"))
    engine.answers.set()
    await store.flush()

    assert engine.trips.count("write") == 2
    assert store.state().conversations == 51


async def test_a_conversation_that_goes_on_asks_nobody(engine: ToyEngine, store: Store) -> None:
    store.put(entry("c", "s", "u", "a", generated=[2]))
    await store.flush()

    assert len((await store.find(chain("s", "u", "a", "v"))).nodes) == 3
    assert "find" not in engine.trips


async def test_an_engine_that_is_gone_costs_the_memory_and_is_told_of_once(
    engine: ToyEngine, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    engine.is_down = True
    for at in range(3):
        store.put(entry(f"c{at}", f"m{at}"))
        await store.flush()
        assert await is_known(store, f"m{at}")
        with pytest.raises(StoreError):
            await store.find(chain("unknown"))
    assert store.state().lost == 3
    engine.is_down = False
    store.put(entry("d", "d"))
    await store.flush()
    assert await is_known(store, "unknown") is False

    assert (store.state().lost, store.state().conversations) == (3, 1)
    assert caplog.messages == [
        "the ledger cannot be written: the toy is gone; requests go on",
        "the toy is gone; requests go on as they come",
        "the ledger is written again",
        "the ledger is read again",
    ]


async def test_an_engine_that_hangs_holds_up_one_question(
    engine: ToyEngine, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    engine.answers.clear()
    began = time.monotonic()
    for at in range(100):
        store.put(entry(f"c{at}", f"m{at}"))
        assert await is_known(store, f"m{at}")
        with pytest.raises(StoreError):
            await store.find(chain("unknown"))

    assert time.monotonic() - began < SOON_S
    assert len(caplog.messages) == 1
    engine.answers.set()
    await store.flush()
    assert (store.state().lost, store.state().conversations) == (0, 100)


async def test_one_that_comes_and_goes_is_told_of_once_a_minute(
    engine: ToyEngine, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    for at in range(6):
        engine.is_down = at % 2 == 0
        store.put(entry(f"c{at}", f"m{at}"))
        await store.flush()

    assert store.state().lost == 3
    assert len(caplog.messages) == 2


async def test_a_fault_of_the_engine_ends_nothing(
    engine: ToyEngine, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that is none of ours."""

    def fault(what: str) -> None:
        raise RuntimeError(what)

    monkeypatch.setattr(engine, "trip", fault)
    store.put(entry("c", "c"))
    await store.flush()
    with pytest.raises(StoreError):
        await store.find(chain("unknown"))
    monkeypatch.undo()
    store.put(entry("d", "d"))
    await store.flush()

    assert (store.state().lost, store.state().conversations) == (1, 1)
