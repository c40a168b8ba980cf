"""A request that comes ends what was started in the pause before it."""

import asyncio

import pytest

from tests.fakes.running_proxy import until
from warmprefix.counters import Counters
from warmprefix.slots.pause import Pause
from warmprefix.tasks import Tasks


async def test_a_request_ends_all_that_was_begun_and_each_once() -> None:
    """What puts things in order when it is cancelled is not disturbed by the request after that."""
    done: list[str] = []

    async def work(name: str, order_s: float) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(order_s)
            done.append(name)

    tasks = Tasks()
    pause = Pause(tasks, Counters())
    begun = [pause.start(work("one", 0.0), "one"), pause.start(work("two", 0.01), "two")]
    await asyncio.sleep(0)
    pause.end()
    await asyncio.sleep(0)
    pause.end()
    await asyncio.wait(begun)

    assert done == ["one", "two"]
    assert all(task.cancelled() for task in begun)
    assert len(tasks) == 0


async def test_what_is_done_is_forgotten_and_a_later_pause_begins_anew() -> None:
    done: list[str] = []

    async def work(name: str) -> None:
        done.append(name)

    pause = Pause(Tasks(), Counters())
    pause.end()
    pause.start(work("one"), "one")
    await until(lambda: not pause._works)
    pause.end()
    await pause.start(work("two"), "two")

    assert done == ["one", "two"]


async def test_one_that_cannot_be_ended_fails_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    def boom(_: object) -> None:
        raise ValueError

    monkeypatch.setattr(Pause, "_stop", boom)
    counters, noted = Counters(), list[str]()
    pause = Pause(Tasks(), counters)
    pause.end(noted)
    pause.end()

    assert counters.fail_open == {"prewarm": 2}
    assert noted == ["prewarm"]
