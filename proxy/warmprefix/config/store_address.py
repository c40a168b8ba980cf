"""`memory.store` as an address: it says the kind of store and, like `memory.path`, where that is."""

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
    if memory.get("path"):
        problem = "leave it out; memory.store is an address already"
        source.problems.append(f"{source.place(('memory', 'path'))}: memory.path: {problem}")
    source.put("memory.store", kind.name, place)
    source.put("memory.path", store, place)
