"""Opens stores on a server."""

from dataclasses import replace

from tests.fakes.redis_server import RedisServer
from warmprefix.stores.base import Opening
from warmprefix.stores.redis.store import RedisStore


def opened(server: RedisServer, front_bytes: int = 0, **options: object) -> RedisStore:
    opening = replace(Opening(server.url, 10**9, 1e6), **options)  # type: ignore[arg-type]
    return RedisStore(opening, front_bytes)
