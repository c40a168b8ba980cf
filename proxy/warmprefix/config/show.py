"""The effective configuration as TOML, with the source of each value."""

import json
from dataclasses import asdict, is_dataclass
from typing import Any

from warmprefix.config.load import Effective
from warmprefix.config.schema import KEYS, TABLE_KEYS, Key

MASK = "********"


def effective_lines(effective: Effective) -> list[str]:
    """One line for each setting, `section.key = value   # source`, aligned; secrets are masked.

    Several backends follow as tables, and in that case `[backend]` has no address and no kind of its own.
    """
    backends = effective.config.backends
    own = ("backend.url", "backend.kind") if backends else ()
    rows = [
        (f"{path} = {shown(effective, path)}", effective.sources[path])
        for path in KEYS
        if path not in own
    ]
    for at, backend in enumerate(backends):
        rows.append(("[[backends]]", ""))
        for name in TABLE_KEYS:
            value = masked(TABLE_KEYS[name], getattr(backend, name))
            rows.append((f"{name} = {value}", effective.sources[f"backends[{at}].{name}"]))
    width = max(len(row) for row, _ in rows)
    return [f"{row:<{width}}   # {source}" if source else row for row, source in rows]


def shown(effective: Effective, path: str) -> str:
    """One value as TOML; a mask if it is a secret and set."""
    section, name = path.split(".")
    return masked(KEYS[path], getattr(getattr(effective.config, section), name))


def masked(key: Key, value: object) -> str:
    """One value as TOML; a mask for a secret."""
    return toml_value(MASK if key.is_secret and value else value)


def toml_value(value: object) -> str:
    """A value as TOML. None becomes an empty text; JSON's spelling is TOML's for all the others."""
    if value is None:
        return '""'
    if isinstance(value, tuple) and any(is_dataclass(element) for element in value):
        return f"[{', '.join(map(inline_table, value))}]"
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)


def inline_table(entry: Any) -> str:
    """One table of a list as TOML."""
    pairs = (f"{name} = {toml_value(value)}" for name, value in asdict(entry).items())
    return "{" + ", ".join(pairs) + "}"
