"""Where the stores of a test are kept, for each kind of store."""

from pathlib import Path

from tests.fakes import toy_store
from warmprefix.stores.base import StoreKind

ADDRESSES = {"toy": toy_store.ADDRESS}
"""The address of the engine of each kind that has one, by the name of the kind."""


def place_of(kind: StoreKind, folder: Path) -> str:
    """A place that nothing is kept in yet."""
    if kind.place == "address":
        return ADDRESSES[kind.name]
    return str(folder / "ledger.db") if kind.place == "file" else ""
