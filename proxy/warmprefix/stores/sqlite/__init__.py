"""The ledger in an SQLite file."""

from pathlib import Path

from warmprefix.stores.base import Opening, Store, StoreKind


def _open(opening: Opening) -> Store:
    from warmprefix.stores.sqlite.store import SqliteStore

    limits = (opening.max_bytes, opening.max_age_s)
    return SqliteStore(Path(opening.place), *limits, opening.clock)


SQLITE = StoreKind("sqlite", "file", _open)
