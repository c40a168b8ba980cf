"""The line of every key in a TOML text; tomllib does not tell it.

The text is parsed up to each line end: the line at which a key appears first ends its statement,
and the statement begins after the last line at which the text was complete. So strings and arrays
over several lines are never taken for keys. A settings file has some hundred lines at most.
"""

import tomllib
from collections.abc import Iterator, Mapping


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """The 1-based line on which each key or table of a valid TOML text begins."""
    found: dict[tuple[str, ...], int] = {}
    lines = text.split("\n")
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
    """The parsed text, or None where it ends inside a statement."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def paths(table: Mapping[str, object], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every key of a table and of the tables in it; those of an array have numbers."""
    for key, value in table.items():
        path = (*above, key)
        yield path
        if isinstance(value, dict):
            yield from paths(value, path)
        elif isinstance(value, list) and all(isinstance(element, dict) for element in value):
            yield from paths({str(at): element for at, element in enumerate(value)}, path)
