"""What a tool can be called with: its definition without the descriptions that the model reads."""

import json
from collections.abc import Sequence

from warmprefix.core.types import Tool
from warmprefix.core.wire.value import is_value, value_key

_DATA = frozenset({"default", "const", "enum", "examples"})
"""Members of a schema that hold values, in which nothing is a description."""


def same_interfaces(tools: Sequence[Tool], others: Sequence[Tool]) -> bool:
    """Whether two sets of tools, in any order, have the same names and parameters."""
    return len(tools) == len(others) and sorted(map(_interface, tools)) == sorted(
        map(_interface, others)
    )


def _interface(tool: Tool) -> bytes:
    text = tool.definition.decode(errors="replace")
    if not is_value(text):
        return value_key(text)
    try:
        return value_key(json.dumps(_bare(json.loads(text))))
    except (ValueError, RecursionError):  # more digits, or more depth, than Python takes
        return value_key(text)


def _bare(value: object) -> object:
    if isinstance(value, list):
        return [_bare(element) for element in value]
    if not isinstance(value, dict):
        return value
    return {
        name: inner if name in _DATA else _bare(inner)
        for name, inner in value.items()
        if not (name == "description" and isinstance(inner, str))
    }
