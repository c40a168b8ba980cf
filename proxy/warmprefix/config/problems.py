"""pydantic's errors about the values of a source, in our words: source, key, problem."""

from collections.abc import Collection
from datetime import date, time
from typing import NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from warmprefix.config.checks import did_you_mean, nearest, quoted
from warmprefix.config.meant import meant
from warmprefix.config.positions import Location
from warmprefix.config.schema import ENTRY_KEYS, KEYS, SECTIONS, TABLE_KEYS, Key, adapter
from warmprefix.config.sources import BACKENDS, Source

WANTED = {
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "string_unicode": "text in UTF-8",
    "tuple_type": "a list of texts",
}
"""What a value of the wrong type should be, by pydantic's name of the error."""

LIMITS = {
    "greater_than_equal": "must be {ge:g} or more",
    "greater_than": "must be more than {gt:g}",
    "less_than_equal": "must be {le:g} or less",
    "finite_number": "must be finite",
}


class Problem(NamedTuple):
    """One value that cannot be used, and the line that says so."""

    at: Location
    line: str


def problems_of(source: Source, rule_names: Collection[str] | None) -> list[Problem]:
    """All problems with the values of one source, in its order."""
    try:
        adapter().validate_python(source.values, context=rule_names)
    except ValidationError as refused:
        rank = {at: number for number, at in enumerate(source.places)}
        errors = sorted(refused.errors(), key=lambda error: rank[source.known(error["loc"])])
        return [problem(error, source) for error in errors]
    return []


def problem(error: ErrorDetails, source: Source) -> Problem:
    """One of pydantic's errors, with its source."""
    at = error["loc"]
    missing = error["type"] == "missing"
    what = f"{at[-1]} is missing" if missing else sentence(error)
    return Problem(at, f"{source.place(at)}: {label(at[:-1] if missing else at)}: {what}")


def label(at: Location) -> str:
    """The setting or table at a location, as users know it: `server.port`, `backends[0].url`."""
    if at[0] == BACKENDS:
        return BACKENDS + "".join(f".{x}" if isinstance(x, str) else f"[{x}]" for x in at[1:3])
    return ".".join(map(str, at[:2])) + entry(at)


def entry(at: Location) -> str:
    """The table in a list of them that a location leads to or into, and its key: `[0].pattern`."""
    if ".".join(map(str, at[:2])) not in ENTRY_KEYS:
        return ""
    return "".join(f".{x}" if isinstance(x, str) else f"[{x}]" for x in at[2:4])


def key_at(at: Location) -> Key | None:
    """The setting that a location leads to or into; None for a section, a table, or an unknown one."""
    if at[0] == BACKENDS:
        return TABLE_KEYS.get(str(at[2])) if len(at) > 2 else None
    path = ".".join(map(str, at[:2]))
    if path in ENTRY_KEYS and len(at) > 3:
        return ENTRY_KEYS[path].get(str(at[3]))
    return KEYS.get(path)


def sentence(error: ErrorDetails) -> str:
    """What is wrong with a value; a secret is never shown."""
    kind, at, value, context = error["type"], error["loc"], error["input"], error.get("ctx", {})
    key = key_at(at)
    if kind == "unexpected_keyword_argument":
        return unknown(at)
    if kind == "value_error" and key is not None:
        return str(context["error"])
    path = ".".join(map(str, at[:2]))
    if path in ENTRY_KEYS and kind in ("dataclass_type", "tuple_type"):
        return f"must be tables, written [[{path}]]"
    if key is None:
        return "must be " + (
            f"tables, written [[{BACKENDS}]]"
            if at[0] == BACKENDS
            else f"a section, written [{at[0]}]"
        )
    if kind in LIMITS:
        return f"{LIMITS[kind].format(**context)}, not {numeral(value)}"
    if kind == "literal_error":
        hint = nearest(value, key.choices) if isinstance(value, str) else ""
        return f"{described(value)} is not one of {', '.join(key.choices)}{hint}"
    if isinstance(at[-1], int):
        return "must be a list of texts; one of its elements is not"
    return f"must be {WANTED[kind]}" + ("" if key.is_secret else f", not {described(value)}")


def unknown(at: Location) -> str:
    """Says that nothing has this name, and what was probably meant."""
    name = str(at[-1])
    if at[0] == BACKENDS:
        return f"unknown key{nearest(name, TABLE_KEYS)}"
    path = ".".join(map(str, at[:2]))
    if path in ENTRY_KEYS:
        return f"unknown key{nearest(name, ENTRY_KEYS[path])}"
    if len(at) > 1:
        return f"unknown key{did_you_mean(meant(label(at)))}"
    owner = next((key.section for key in KEYS.values() if key.name == name), None)
    hint = f"; {name} belongs in [{owner}]" if owner else nearest(name, SECTIONS)
    return f"unknown section{hint}"


def described(value: object) -> str:
    """A value as an error shows it: kind and text, clipped."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, int | float):
        return f"the number {numeral(value)}"
    if isinstance(value, date | time):
        return "a date or time"
    return "a list" if isinstance(value, list | tuple) else "a table"


def numeral(value: float) -> str:
    """A number as it is written; only its size if it is absurdly long."""
    if isinstance(value, int) and value.bit_length() > 64:
        return f"one of {value.bit_length()} bits"
    return str(value)
