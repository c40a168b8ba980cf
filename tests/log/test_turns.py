"""Ended turns: kept for a while, and shown to those who watch."""

import asyncio
import io
from collections.abc import Iterator
from dataclasses import replace

import pytest

from warmprefix.core.memory.ledger import Place
from warmprefix.core.turn import Times, Turn
from warmprefix.core.types import CacheStats, Kind, Outcome
from warmprefix.log.record import Record
from warmprefix.log.turns import Turns
from warmprefix.log.writer import TurnLog

TURN = Turn(
    id="t0",
    client="unknown",
    endpoint="/v1/chat/completions",
    model=None,
    stream=False,
    status=200,
    outcome=Outcome.OK,
    kind=Kind.COLD,
    place=Place("c0", 0, None, Kind.COLD, 0),
    prefix=None,
    prompt_characters=None,
    rules=(),
    restored=(),
    stats=CacheStats(),
    times=Times(0.0, 1.0, 0.1, None),
)


@pytest.fixture
def turns() -> Iterator[Turns]:
    """Nothing has ended yet."""
    log = TurnLog(io.BytesIO())
    yield Turns(log)
    log.close()


def turn(number: int, conversation: str = "c0") -> Turn:
    """A turn by its number."""
    place = Place(conversation, number, None, Kind.COLD, 0)
    return replace(TURN, id=f"t{number}", place=place)


def ids(records: list[Record]) -> list[object]:
    """Which turns these are."""
    return [record["turn"] for record in records]


def test_the_newest_come_first_and_only_so_many(turns: Turns) -> None:
    for number in range(5):
        turns.add(turn(number, f"c{number % 2}"))

    assert ids(turns.newest(3)) == ["t4", "t3", "t2"]
    assert ids(turns.newest(10, "c1")) == ["t3", "t1"]
    assert turns.newest(10, "other") == []


def test_a_thousand_are_kept(turns: Turns) -> None:
    for number in range(1005):
        turns.add(turn(number))

    assert len(turns.newest(5000)) == 1000
    assert turns.get("t4") is None
    assert turns.get("t5") is not None


def test_a_turn_that_is_being_explained_holds_back_those_behind_it(turns: Turns) -> None:
    place = turns.reserve()
    turns.add(turn(1))
    waiting = turns.waiting
    turns.fill(place, turn(0))

    assert (waiting, turns.waiting) == (2, 0)
    assert ids(turns.newest(3)) == ["t1", "t0"]


async def test_everyone_who_watches_sees_every_turn_from_now_on(turns: Turns) -> None:
    turns.add(turn(0))
    watchers = [turns.watch(), turns.watch()]
    firsts = [asyncio.ensure_future(anext(watcher)) for watcher in watchers]
    await asyncio.sleep(0)
    turns.add(turn(1))

    assert ids(await asyncio.gather(*firsts)) == ["t1", "t1"]


async def test_a_watcher_that_falls_behind_is_ended_and_the_others_are_not(turns: Turns) -> None:
    """It starts anew; memory for it does not grow."""
    slow, quick = turns.watch(), turns.watch()
    waiting = [asyncio.ensure_future(anext(watcher)) for watcher in (slow, quick)]
    await asyncio.sleep(0)
    turns.add(turn(0))
    await asyncio.gather(*waiting)
    for number in range(1, 400):
        turns.add(turn(number))
        assert (await anext(quick))["turn"] == f"t{number}"

    assert [record async for record in slow] == []


async def test_closing_ends_all_watching(turns: Turns) -> None:
    watcher = turns.watch()
    first = asyncio.ensure_future(anext(watcher))
    await asyncio.sleep(0)
    turns.close()

    with pytest.raises(StopAsyncIteration):
        await first
