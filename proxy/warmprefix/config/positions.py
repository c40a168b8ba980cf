"""The line of every key in a TOML text, which tomllib does not report.

The text is parsed up to each line end: the line at which a key appears first ends its statement,
and the statement begins after the last line at which the text was complete. So strings and arrays
over several lines are never taken for keys. A settings file has some hundred lines at most.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Location = tuple[str | int, ...]
"""The keys that lead to a value, from the top; in an array, its number."""


def key_lines(text: str) -> dict[Location, int]:
    """The 1-based line on which each key or table of a valid TOML text begins."""
    found: dict[Location, int] = {}
    lines = text.replace("\r\n", "\n").split("\n")
    begin = 0
    for end, line in enumerate(lines, start=1):
        inside = begin < end - 1
        if inside or (line.strip() and not line.lstrip().startswith("#")):
            tables = complete_tables("\n".join(lines[:end]))
            if tables is None:
                continue
            for path in paths(tables):
                found.setdefault(path, begin + 1)
        begin = end
    return found


def complete_tables(text: str) -> Mapping[str, object] | None:
    """The parsed text, or None if it ends inside a statement."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def paths(table: Mapping[str, Any] | Sequence[Any], above: Location = ()) -> Iterator[Location]:
    """The location of every value of a table or of an array of tables, and of the values in it."""
    items = table.items() if isinstance(table, Mapping) else enumerate(table)
    for key, value in items:
        yield (*above, key)
        if isinstance(value, dict) or is_tables(value):
            yield from paths(value, (*above, key))


def is_tables(value: object) -> bool:
    """Whether a value is an array of tables."""
    return isinstance(value, list) and all(isinstance(element, dict) for element in value)
