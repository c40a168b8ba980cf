"""`[[backends]]`: several backends.

What a table leaves out is taken from `[backend]`, except the address and the kind, which are each
backend's own.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from warmprefix.config.key_files import take_key
from warmprefix.config.schema import TABLE_KEYS
from warmprefix.config.sources import BACKENDS, Source

_OWN = ("url", "kind")


def contradictions(tables: Source, places: Mapping[str, str]) -> list[str]:
    """A line for each setting of `[backend]` that each table must have for itself."""
    return [
        f"{places[f'backend.{name}']}: backend.{name}: [[backends]] are set too "
        f"({tables.place((BACKENDS, 0))}); leave out one of the two"
        for name in _OWN
        if places[f"backend.{name}"] != "default"
    ]


def completed(
    tables: Source, shared: Mapping[str, Any], places: dict[str, str]
) -> tuple[list[dict[str, Any]], list[str]]:
    """The tables with the shared values filled in, and their problems; `places` gets the source of each
    value."""
    backends, problems, names = [], [], set[str]()
    for at, given in enumerate(tables.values[BACKENDS]):
        table, label = dict(given), f"{BACKENDS}[{at}]"
        for name in TABLE_KEYS:
            above = "default" if name in _OWN else places.get(f"backend.{name}", "default")
            own = name in table
            places[f"{label}.{name}"] = tables.place((BACKENDS, at, name)) if own else above
        problems += take_key(table, places, label)
        if "api_key" in table:
            table.setdefault("api_key_file", "")
        name = table.get("name") or urlsplit(table["url"]).netloc
        if name in names:
            problems.append(f"{tables.place((BACKENDS, at))}: {label}: {name} is there twice")
        names.add(name)
        backends.append({**{key: shared[key] for key in shared if key not in _OWN}, **table})
    return backends, problems
