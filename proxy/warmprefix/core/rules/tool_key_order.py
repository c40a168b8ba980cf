"""Puts the members of a tool's envelope in one order; the schema inside is never touched."""

from dataclasses import replace

from warmprefix.core.errors import NotUnderstood
from warmprefix.core.rules.base import Rule, tools_rule
from warmprefix.core.types import Names, RawJson, Risk, Tool
from warmprefix.core.wire.slices import Span, members, write_object


def _change(tool: Tool) -> Tool:
    if tool.shape is None:
        return tool
    try:
        definition = _ordered(tool.definition, tool.shape.names)
    except NotUnderstood:
        return tool
    return tool if definition is tool.definition else replace(tool, definition=definition)


def _ordered(definition: RawJson, names: Names) -> RawJson:
    outer = members(definition)
    start, end = outer.get(names.function_of, (0, 0))
    function = definition[start:end]
    inner = members(function) if function.startswith(b"{") else {}
    if _in_order(outer, names.tool) and _in_order(inner, names.tool_function):
        return definition
    written = write_object(
        (key, function[a:b]) for key, (a, b) in _sorted(inner, names.tool_function)
    )
    return RawJson(
        write_object(
            (key, written if key == names.function_of and inner else definition[a:b])
            for key, (a, b) in _sorted(outer, names.tool)
        )
    )


def _in_order(spans: dict[str, Span], first: tuple[str, ...]) -> bool:
    known = [key for key in first if key in spans]
    return list(spans)[: len(known)] == known


def _sorted(spans: dict[str, Span], first: tuple[str, ...]) -> list[tuple[str, Span]]:
    known = [(key, spans[key]) for key in first if key in spans]
    return known + [(key, span) for key, span in spans.items() if key not in first]


RULE: Rule = tools_rule(
    "tool-key-order",
    Risk.LOSSLESS,
    _change,
    why="type, function, name, description and parameters have no order in JSON; serialisers differ. "
    "Schemas are left alone: 21 to 24 of 29 templates print their key order.",
    source="llama.cpp common/json.h:24; function-level order renders the same in 29 of 29 templates",
)
