"""A llama-server with `--sleep-idle-seconds`: it sleeps as early as without the proxy, stays asleep, and what
it held is known to be gone."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import RunningProxy, running_proxy, until
from tests.servers.stock import StockServer

pytestmark = pytest.mark.backend
Start = Callable[..., StockServer]

CHAT = "/v1/chat/completions"
BODY = {"messages": [{"role": "user", "content": "Hi there. " * 60}], "max_tokens": 2}
IDLE_S = 2
NAP = ("--sleep-idle-seconds", str(IDLE_S))
ROUND_S = 1.0
"""A server looks once a second whether it has been idle for long enough (server-queue.cpp, `max_wait_time`)."""


async def is_asleep(server: StockServer) -> bool:
    return bool((await asyncio.to_thread(server.get, "/props"))["is_sleeping"])


async def asleep_after_s(server: StockServer, url: str) -> float:
    """How long after the end of a request it falls asleep."""
    answer = await exchange(url, "POST", CHAT, BODY)
    assert answer.status == 200
    began = time.monotonic()
    await asleep(server)
    return time.monotonic() - began


async def asleep(server: StockServer) -> None:
    async with asyncio.timeout(20):
        while not await is_asleep(server):  # noqa: ASYNC110  # what it looks at has no event
            await asyncio.sleep(0.02)


async def looked(proxy: RunningProxy, times: int) -> None:
    """Return when the watch has had the time to look so often."""
    for _ in range(times):
        await proxy.app.known.look()
        await asyncio.sleep(0.05)


def watched() -> dict[str, Any]:
    """A watch that looks often, and reading ahead that would begin at once."""
    return {"prewarm": {"restart_check_s": 0.05, "idle_s": 0.0}}


async def test_it_falls_asleep_as_early_as_without_the_proxy(start_stock: Start) -> None:
    server = start_stock(*NAP)
    direct = await asleep_after_s(server, server.url)
    async with running_proxy(server.url, **watched()) as proxy:
        proxy.app.known.wait_for_it()
        through = await asleep_after_s(server, proxy.url)

    assert through <= direct + ROUND_S


async def test_it_stays_asleep_while_it_is_watched(start_stock: Start) -> None:
    """Also a proxy that is started while it sleeps wakes nobody."""
    server = start_stock(*NAP)
    async with running_proxy(server.url, **watched()) as proxy:
        proxy.app.known.wait_for_it()
        await asleep_after_s(server, proxy.url)
        await until(lambda: proxy.app.known.is_asleep)
        generation = proxy.app.known.generation
        async with running_proxy(server.url) as another:
            another.app.known.wait_for_it()
            await until(lambda: another.app.known.is_asleep)
            assert another.app.known.slots == (0, 0, 0, 0)
            await another.ready()
            assert await is_asleep(server)
        await looked(proxy, 50)
        assert await is_asleep(server)

    assert "exiting sleeping state" not in server.output()
    assert proxy.app.known.generation == generation


@pytest.mark.parametrize("seen", ["by-the-watch", "at-the-next-request"])
async def test_a_nap_empties_all_slots(start_stock: Start, seen: str) -> None:
    server = start_stock(*NAP)
    settings = watched() if seen == "by-the-watch" else {"prewarm": {"restart_check_s": 0.0}}
    async with running_proxy(server.url, **settings) as proxy:
        known = proxy.app.known
        await known.ask_template()
        for nap in range(1, 3):
            await asleep_after_s(server, proxy.url)
            if seen == "at-the-next-request":
                assert await known.look() is True
            await until(lambda nap=nap: known.generation == nap)  # type: ignore[misc]
            assert known.is_asleep
            assert known.slots == (0, 0, 0, 0)
            assert await known.look() is False
        await exchange(proxy.url, "POST", CHAT, BODY)
        assert not known.is_asleep
        assert any(state.tokens for state in await known.slot_states())

        assert known.generation == 2


async def test_a_nap_that_nobody_saw_is_told_by_the_slots(start_stock: Start) -> None:
    """Another client has woken it meanwhile; a slot that was used says that it never was."""
    server = start_stock("-np", "2", *NAP)
    async with running_proxy(server.url, prewarm={"restart_check_s": 0.0}) as proxy:
        known = proxy.app.known
        await known.ask_template()
        for text in ("apple " * 50, "pear " * 50):
            body = {**BODY, "messages": [{"role": "user", "content": text}]}
            await exchange(proxy.url, "POST", CHAT, body)
        assert all(state.tokens for state in await known.slot_states())
        await asleep(server)
        await exchange(server.url, "POST", CHAT, BODY)
        assert await known.look() is False
        before = known.generation

        states = await known.slot_states()

    assert sorted(state.is_unused for state in states) == [False, True]
    assert known.generation == before + 1


async def test_what_a_sleeping_server_does_not_tell_is_learnt_when_it_is_awake(
    start_stock: Start,
) -> None:
    server = start_stock(*NAP)
    await asleep(server)
    async with running_proxy(server.url) as proxy:
        known: Any = proxy.app.known
        known.wait_for_it()
        await until(lambda: known.is_asleep)
        assert not known.is_learnt
        await _quiet(proxy)
        assert await is_asleep(server)

        await exchange(proxy.url, "POST", CHAT, BODY)
        await until(lambda: known.is_learnt)

        assert known.template.in_loop is not None
        assert any(state.tokens for state in await known.slot_states())


async def _quiet(proxy: RunningProxy) -> None:
    """Return when nothing is being asked any more."""
    await until(lambda: all(task.get_name() != "template probe" for task in asyncio.all_tasks()))
    assert proxy.lines() == []
