"""`memory.store` as an address: it says the kind of store and, like `memory.path`, where that is."""

from collections.abc import Mapping
from typing import Any

from warmprefix.config.positions import Location
from warmprefix.config.sources import Source
from warmprefix.stores import STORES

_STORE: Location = ("memory", "store")


def split_address(source: Source) -> None:
    """Put an address in `memory.store` where the rest of the settings looks for it. An unknown scheme stays."""
    memory = source.values.get("memory")
    store = memory.get("store") if isinstance(memory, dict) else None
    if not isinstance(memory, dict) or not isinstance(store, str) or "://" not in store:
        return
    scheme, place = store.partition("://")[0].lower(), source.place(_STORE)
    kind = next((kind for kind in STORES if scheme in kind.schemes), None)
    if kind is None:
        return
    if _is_address(memory.get("path")):
        problem = "leave it out; memory.store is an address already"
        source.problems.append(f"{source.place(('memory', 'path'))}: memory.path: {problem}")
    source.put("memory.store", kind.name, place)
    source.put("memory.path", store, place)


def without_file(source: Source, memory: Mapping[str, Any]) -> None:
    """Take the file of another kind of store out of a source if an earlier one has given an address: the image
    names one in its environment."""
    own = source.values.get("memory")
    if not isinstance(own, dict) or own.get("store") or not _is_address(memory.get("path")):
        return
    if not _is_address(own.get("path")):
        own.pop("path", None)


def _is_address(path: object) -> bool:
    return isinstance(path, str) and "://" in path
