"""Trails as rows of the server. That they come back, and leave: tests/stores/test_contract.py."""

from dataclasses import replace

import pytest

from tests.fakes.redis_server import RedisServer
from tests.stores.entries import chain, entry
from tests.stores.redis.opened import opened
from warmprefix.core.memory.ledger import Entry
from warmprefix.core.memory.trail import Trail
from warmprefix.core.types import RawJson

pytestmark = pytest.mark.usefixtures("patient")
MARKS = chain("one", "two")


def with_trail(put: Entry, *landmarks: bytes) -> Entry:
    forms = (0, RawJson(b'"canary \xff"'))
    return replace(
        put,
        trail=Trail("c-1", put.nodes[-1].id, False, 9, 1, forms, (1,), ("x",)),
        landmarks=landmarks,
    )


async def test_a_trail_is_encrypted_and_found_only_with_the_key(server: RedisServer) -> None:
    secret, wrong = opened(server, key="a secret"), opened(server, key="another")
    put = with_trail(entry("c", "s", "u"), MARKS[0])
    secret.put(put)
    await secret.flush()

    found = await secret.past(None, MARKS)
    assert found is not None
    assert (found.trail, found.path) == (put.trail, put.nodes)
    assert await wrong.past(None, MARKS) is None
    names = server.command("KEYS", "*")
    assert isinstance(names, list)
    assert not any(b"canary" in server.command("DUMP", name) for name in names)  # type: ignore[operator]
    await secret.close()
    await wrong.close()


async def test_a_turn_that_comes_late_takes_no_trail_back(server: RedisServer) -> None:
    one, two = opened(server), opened(server)
    ahead = with_trail(entry("c", "s", "u", "a", "v", turns=2), MARKS[0])
    two.put(ahead)
    await two.flush()
    one.put(with_trail(entry("c", "s", "u"), MARKS[1]))
    await one.flush()

    found = await one.past("c", [])
    assert found is not None
    assert found.trail == ahead.trail
    assert await one.past(None, MARKS[1:]) is None
    await one.close()
    await two.close()


async def test_a_path_ends_where_the_server_has_dropped_something(server: RedisServer) -> None:
    store = opened(server)
    put = with_trail(entry("c", "s", "u", "v"), MARKS[0])
    store.put(put)
    await store.flush()
    server.command("DEL", b"warmprefix:node:" + put.nodes[0].id)  # type: ignore[arg-type]

    found = await store.past("c", [])
    assert found is not None
    assert found.path == put.nodes[1:]
    server.command("DEL", "warmprefix:chat:c")
    assert await store.past("c", MARKS) is None
    await store.close()
