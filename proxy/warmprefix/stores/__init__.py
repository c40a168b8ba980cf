"""What stores the ledger. The only importers of sqlite3 and Redis clients.

A new kind of store is a file or folder of its own, a line in `STORES`, and an entry in tests/stores/places.py.
One that takes time to reach goes behind the front and the queue of behind.py.
"""

from warmprefix.stores.base import StoreKind
from warmprefix.stores.memory import MEMORY
from warmprefix.stores.redis import REDIS
from warmprefix.stores.sqlite import SQLITE

STORES: tuple[StoreKind, ...] = (SQLITE, MEMORY, REDIS)
"""Every kind of store; the first is the default."""


def store_kind(name: str) -> StoreKind:
    """The kind of that name, which must be in `STORES`."""
    return next(kind for kind in STORES if kind.name == name)
