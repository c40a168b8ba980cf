"""A real server that is gone, hangs, is full or drops things by itself: no turn waits or fails."""

import asyncio
import pkgutil
import time
from dataclasses import replace

import pytest

from tests.fakes.redis_server import RedisServer
from tests.fakes.running_proxy import until
from tests.stores.entries import chain, entry, is_known, raw
from tests.stores.redis.opened import opened
from warmprefix.core.errors import StoreError
from warmprefix.core.types import RawJson
from warmprefix.stores.base import Opening
from warmprefix.stores.redis.seal import Plain
from warmprefix.stores.redis.store import STEP_NODES, RedisReader, RedisStore, RedisWriter
from warmprefix.stores.timed_reader import LIMIT_S

SOON_S = LIMIT_S + 1.0


async def test_a_server_that_was_killed_is_used_again_when_it_is_back() -> None:
    server = RedisServer("--appendonly", "yes", "--appendfsync", "always")
    store = opened(server)
    store.put(entry("c", "s", "u"))
    await store.flush()

    server.kill()
    with pytest.raises(StoreError):
        await store.find(chain("s", "u"))
    store.put(entry("lost", "lost"))
    await store.flush()
    assert store.state().lost == 1

    server.start()
    assert await is_known(store, "s", "u")
    store.put(entry("d", "d"))
    await store.flush()
    assert await is_known(store, "d")
    assert store.state().lost == 1
    await store.close()
    server.stop()


async def test_a_full_server_loses_turns_and_answers_on(
    server: RedisServer, store: RedisStore
) -> None:
    store.put(entry("c", "s"))
    await store.flush()
    server.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
    server.command("CONFIG", "SET", "maxmemory", "1mb")

    store.put(entry("d", "d"))
    await store.flush()
    assert store.state().lost == 1
    assert await is_known(store, "s")

    server.command("CONFIG", "SET", "maxmemory", "0")
    store.put(entry("e", "e"))
    await store.flush()
    assert await is_known(store, "e")
    assert store.state().lost == 1


async def test_what_the_server_drops_by_itself_is_left_out(
    server: RedisServer, store: RedisStore
) -> None:
    """Whatever single name it drops: nothing of the rest is wrong, and the turn after it puts all in order."""
    put = entry("c", "s", "u", "a", generated=[2], tools=(RawJson(b"1"),))
    keys = chain("s", "u", "a")
    store.put(put)
    await store.flush()
    whole = {node.key: (node,) for node in put.nodes}
    names = server.command("KEYS", "warmprefix:*")
    assert isinstance(names, list)
    assert len(names) > 10
    for name in names:
        server.command("DEL", name)
        found = await store.find(keys)
        assert all(found.nodes[key] == whole[key] for key in found.nodes)
        assert {node.conversation for (node,) in found.nodes.values()} == set(found.conversations)
        store.put(put)
        await store.flush()
        found = await store.find(keys)
        assert found.nodes == whole, name
    assert store.state().lost == 0


async def test_maxmemory_with_eviction_keeps_the_latest(
    server: RedisServer, store: RedisStore
) -> None:
    server.command("CONFIG", "SET", "maxmemory", "4mb")
    server.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    for at in range(300):
        text = RawJson(b'"%d%s"' % (at, b"x" * 30_000))
        store.put(entry(f"c{at}", f"m{at}", bytes_of={0: text}))
        await store.flush()

        assert await is_known(store, f"m{at}")
    assert store.state().lost == 0
    assert not await is_known(store, "m0")


async def test_a_partition_costs_one_question_its_limit_and_no_other_anything(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten seconds in which the server answers nothing, and keeps its connections; here a fifth of all times."""
    for limit in ("timed_reader.LIMIT_S", "redis.server._LIMIT_S"):
        name = f"warmprefix.stores.{limit}"
        monkeypatch.setattr(name, pkgutil.resolve_name(name) / 5)
    store = opened(server)
    store.put(entry("c", "s", "u"))
    await store.flush()
    server.hang()
    began_s = time.monotonic()
    waits: list[float] = []
    said: list[str] = []
    while time.monotonic() - began_s < 2.0:
        asked_s = time.monotonic()
        with pytest.raises(StoreError) as refused:
            await store.find(chain("s", "u"))
        store.put(entry(f"c{len(waits)}", f"m{len(waits)}"))
        waits.append(time.monotonic() - asked_s)
        said.append(str(refused.value))
        await asyncio.sleep(0.01)
    server.go_on()

    assert max(waits) < SOON_S
    assert 1 <= sum("within" in each for each in said) <= 3
    assert sum("an earlier question" in each for each in said) > len(said) / 2

    async def answers() -> bool:
        try:
            return await is_known(store, "s", "u")
        except StoreError:
            return False

    async with asyncio.timeout(10):
        while not await answers():  # noqa: ASYNC110  # the server has no event
            await asyncio.sleep(0.05)
    await store.flush()
    store.put(entry("after", "after"))
    await store.flush()
    assert await is_known(store, "after")
    await store.close()


async def test_the_turn_that_is_further_stays(server: RedisServer) -> None:
    """Two proxies; the one that was slower writes last."""
    one, two = opened(server), opened(server)
    ahead = entry("c", "s", "u", "a", "v", turns=2)
    late = entry("c", "s", "u", "b", turns=1)
    two.put(ahead)
    await two.flush()
    one.put(late)
    await one.flush()

    for store in (one, two):
        found = await store.find(chain("s", "u", "b"))
        assert found.conversations == {"c": ahead.conversation}
        assert set(found.nodes) == set(chain("s", "u", "b"))
        await store.close()


async def test_what_another_proxy_has_put_is_seen_behind_the_front(server: RedisServer) -> None:
    """One has the whole history near, but the other has gone on from it, with another reply."""
    one, two = opened(server, 10**6), opened(server, 10**6)
    one.put(entry("c", "s", "u", "a", generated=[2]))
    await one.flush()
    other = entry("c", "s", "u", "a", generated=[2], bytes_of={2: raw("other")}, turns=2)
    two.put(other)
    await two.flush()

    found = await one.find(chain("s", "u", "a", "new"))

    assert [node.raw for node in found.nodes[chain("s", "u", "a")[2]]] == [raw("a"), raw("other")]
    assert found.conversations["c"].turns == 2
    await one.close()
    await two.close()


async def test_a_long_conversation_leaves_in_steps_and_stays_if_it_comes_back(
    server: RedisServer,
) -> None:
    texts = [f"m{at}" for at in range(STEP_NODES + 100)]
    writer = RedisWriter(Opening(server.url, 1, 1e6), Plain())
    reader = RedisReader(Opening(server.url, 1, 1e6), Plain())
    writer.write([entry("c", *texts), entry("d", "d")])

    assert writer.evict() == "c"
    assert len(reader.find(chain(*texts)).nodes) == 100
    again = entry("c", "again", turns=2)
    writer.write([again])
    assert writer.evict() == "d"
    assert writer.evict() is None
    assert len(reader.find(chain(*texts)).nodes) == 100

    writer.write([entry("e", "e")])
    assert [writer.evict(), writer.evict()] == ["c", None]
    assert reader.find([*chain(*texts), *chain("again")]).nodes == {}
    assert writer.totals()[:2] == (1, 1)
    writer.close()
    reader.disconnect()


async def test_everything_expires_if_nobody_comes_back(server: RedisServer) -> None:
    store = opened(server, max_age_s=0.5)
    store.put(entry("c", "s", "u", tools=(RawJson(b"1"),)))
    await store.flush()
    names = server.command("KEYS", "*")
    assert isinstance(names, list)
    assert all(name.startswith(b"warmprefix:") for name in names)

    await until(lambda: server.command("DBSIZE") == 0)
    await store.close()


async def test_what_a_conversation_began_with_stays_as_long_as_it_is_used(
    server: RedisServer,
) -> None:
    store = opened(server, max_age_s=1.0)
    store.put(entry("c", "s", "u"))
    for turn in range(10):
        await asyncio.sleep(0.3)
        store.put(replace(entry("c", turns=turn), nodes=()))
        await store.flush()

    assert await is_known(store, "s", "u")
    await store.close()
