"""`[[backends]]`: several backends, from the file or as a JSON list in WARMPREFIX_BACKENDS.

What a table leaves out is taken from `[backend]`, except the address and the kind, which are each
backend's own.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from warmprefix.config.checks import checked, described, nearest
from warmprefix.config.key_files import key_of_file
from warmprefix.config.schema import TABLE_KEYS, BackendConfig, NamedBackend
from warmprefix.core.errors import ConfigError

SECTION = "backends"
VARIABLE = "WARMPREFIX_BACKENDS"
_OWN = ("url", "kind")


@dataclass(frozen=True, slots=True)
class Table:
    """One table as the user gave it. `source` tells where it begins, `sources` where each value is."""

    label: str
    source: str
    values: Mapping[str, object]
    sources: Mapping[str, str]


def tables_of_file(
    file: object, given: object, lines: Mapping[tuple[str, ...], int]
) -> list[Table]:
    """The tables of a file; raises ConfigError."""
    source = f"{file} line {lines.get((SECTION,), 1)}"
    tables = []
    for at, values in enumerate(_tables(given, source, f"must be tables, written [[{SECTION}]]")):
        begin = lines.get((SECTION, str(at)), 1)
        sources = {
            name: f"{file} line {lines.get((SECTION, str(at), name), begin)}" for name in values
        }
        tables.append(Table(f"{SECTION}[{at}]", f"{file} line {begin}", values, sources))
    return tables


def tables_of_environment(environ: Mapping[str, str]) -> list[Table]:
    """The tables of the environment, none where it has none; raises ConfigError."""
    text, source = environ.get(VARIABLE, ""), f"environment {VARIABLE}"
    if not text:
        return []
    wanted = f'must be a JSON list like [{{"url": "http://127.0.0.1:8080"}}], not {described(text)}'
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    return [
        Table(f"{SECTION}[{at}]", source, values, dict.fromkeys(values, source))
        for at, values in enumerate(_tables(given, source, wanted))
    ]


def _tables(given: object, source: str, wanted: str) -> Sequence[Mapping[str, object]]:
    if isinstance(given, list) and all(isinstance(values, dict) for values in given):
        return given
    raise ConfigError(f"{source}: {SECTION}: {wanted}")


def named_backends(
    tables: Sequence[Table], shared: BackendConfig, sources: dict[str, str]
) -> tuple[NamedBackend, ...]:
    """The backends of the tables; `sources` gets where each value came from. Raises ConfigError."""
    if not tables:
        return ()
    for name in _OWN:
        if sources[f"backend.{name}"] != "default":
            raise ConfigError(
                f"{sources[f'backend.{name}']}: backend.{name}: [[backends]] are given too "
                f"({tables[0].source}); leave out one of the two"
            )
    backends = tuple(_backend(table, shared, sources) for table in tables)
    seen: set[str] = set()
    for table, backend in zip(tables, backends, strict=True):
        if backend.name in seen:
            raise ConfigError(f"{table.source}: {table.label}: {backend.name} is there twice")
        seen.add(backend.name)
    return backends


def _backend(table: Table, shared: BackendConfig, sources: dict[str, str]) -> NamedBackend:
    common = {name: value for name, value in asdict(shared).items() if name not in _OWN}
    values: dict[str, Any] = {**common}
    for name in TABLE_KEYS:
        above = sources[f"backend.{name}"] if name in common else "default"
        sources[f"{table.label}.{name}"] = above
    for name, value in table.values.items():
        values[name] = _checked(table, name, value)
        sources[f"{table.label}.{name}"] = table.sources[name]
    if "api_key" in table.values:
        values["api_key_file"] = table.values.get("api_key_file", "")
    if table.values.get("api_key_file"):
        source = table.sources["api_key_file"]
        both = table.sources.get("api_key")
        label = f"{table.label}.api_key_file"
        values["api_key"] = key_of_file(label, values["api_key_file"], source, both)
        sources[f"{table.label}.api_key"] = f"file {values['api_key_file']}"
    if "url" not in values:
        raise ConfigError(f"{table.source}: {table.label}: url is missing")
    if not values.get("name"):
        values["name"] = urlsplit(values["url"]).netloc
    return NamedBackend(**values)


def _checked(table: Table, name: str, value: object) -> object:
    where = f"{table.sources[name]}: {table.label}.{name}"
    if name not in TABLE_KEYS:
        raise ConfigError(f"{where}: unknown key{nearest(name, TABLE_KEYS)}")
    try:
        return checked(TABLE_KEYS[name], value, None)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None
