"""Where the stores of a test are kept, for each kind of store."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from tests.fakes import toy_store
from tests.fakes.redis_server import RedisServer
from warmprefix.stores.base import StoreKind


@cache
def _redis() -> RedisServer:
    return RedisServer()


def empty_redis() -> str:
    """The address of a server with nothing in it, the same for all tests of a process."""
    _redis().command("FLUSHALL")
    return _redis().url


ADDRESSES: Mapping[str, Callable[[], str]] = {
    "toy": lambda: toy_store.ADDRESS,
    "redis": empty_redis,
}
"""The address of the engine of each kind that has one, by the name of the kind."""


def place_of(kind: StoreKind, folder: Path) -> str:
    """A place that nothing is kept in yet."""
    if kind.place == "address":
        return ADDRESSES[kind.name]()
    return str(folder / "ledger.db") if kind.place == "file" else ""
