"""Tasks of the application: kept until they end, reported when they fail, ended with it."""

import asyncio

import pytest

from warmprefix.tasks import Tasks


async def test_a_task_is_kept_until_it_ends() -> None:
    tasks, go_on = Tasks(), asyncio.Event()

    async def work() -> None:
        await go_on.wait()

    task = tasks.start(work(), "work")
    assert (len(tasks), task.get_name()) == (1, "work")
    go_on.set()
    await task
    assert len(tasks) == 0


async def test_a_task_outlives_the_one_that_started_it() -> None:
    tasks, go_on, done = Tasks(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await go_on.wait()
        done.set()

    async def request() -> None:
        tasks.start(work(), "work")
        await asyncio.Event().wait()

    asking = asyncio.create_task(request())
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    go_on.set()
    await tasks.finish(5)

    assert done.is_set()


async def test_a_task_that_fails_is_counted_and_told(caplog: pytest.LogCaptureFixture) -> None:
    tasks = Tasks()

    async def work() -> None:
        raise ValueError("what went wrong")

    await asyncio.wait((tasks.start(work(), "remember"),))

    assert tasks.failed == 1
    assert caplog.messages == ["task remember failed:"]
    assert "ValueError: what went wrong" in caplog.text


async def test_a_cancelled_task_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    tasks = Tasks()
    task = tasks.start(_forever(), "forever")
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait((task,))

    assert (tasks.failed, len(tasks)) == (0, 0)
    assert caplog.text == ""


async def _forever() -> None:
    await asyncio.Event().wait()


async def test_finishing_waits_for_what_ends_and_cancels_what_does_not() -> None:
    tasks, ended = Tasks(), []

    async def work() -> None:
        await asyncio.sleep(0.01)
        ended.append("work")

    tasks.start(work(), "work")
    late = tasks.start(_forever(), "forever")
    await tasks.finish(0.1)

    assert ended == ["work"]
    assert late.cancelled()
    assert len(tasks) == 0


async def test_finishing_with_nothing_running_is_at_once() -> None:
    await asyncio.wait_for(Tasks().finish(60), 1)
