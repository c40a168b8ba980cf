"""A server of a test's own, and a store on it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.fakes.redis_server import RedisServer
from tests.stores.redis.opened import opened
from warmprefix.stores.redis.store import RedisStore


@pytest.fixture
def server() -> Iterator[RedisServer]:
    made = RedisServer()
    yield made
    made.stop()


@pytest.fixture
async def store(server: RedisServer) -> AsyncIterator[RedisStore]:
    """A store without a front."""
    made = opened(server)
    yield made
    await made.close()
