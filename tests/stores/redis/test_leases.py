"""Leases on a real server."""

import pytest

from tests.fakes.redis_server import RedisServer
from tests.fakes.running_proxy import until
from warmprefix.core.errors import StoreError
from warmprefix.stores.base import Hold
from warmprefix.stores.redis.leases import RedisLeases


async def test_a_lease_has_one_holder_until_it_is_given_up(server: RedisServer) -> None:
    leases = RedisLeases(server.url, None)

    assert await leases.take("one", ["a", "b"], 60.0) == {"a": Hold.NEW, "b": Hold.NEW}
    assert await leases.take("two", ["a"], 60.0) == {"a": Hold.OTHERS}
    await leases.give_up("two", ["a"], 60.0)
    assert await leases.take("one", ["a"], 60.0) == {"a": Hold.OWN}
    await leases.give_up("one", ["a"], 60.0)
    assert await leases.take("two", ["a", "b"], 60.0) == {"a": Hold.OWN, "b": Hold.OTHERS}
    await leases.close()


async def test_a_lease_expires(server: RedisServer) -> None:
    leases = RedisLeases(server.url, None)
    await leases.take("one", ["a"], 0.05)
    await until(lambda: server.command("EXISTS", "warmprefix:lease:a") == 0)

    assert await leases.take("two", ["a"], 60.0) == {"a": Hold.NEW}
    await leases.close()


async def test_a_server_that_has_forgotten_says_so(server: RedisServer) -> None:
    leases = RedisLeases(server.url, None)
    await leases.take("one", ["a"], 60.0)
    server.kill()
    with pytest.raises(StoreError):
        await leases.take("one", ["a"], 60.0)

    server.start()
    assert await leases.take("two", ["a"], 60.0) == {"a": Hold.NEW}
    await leases.close()
