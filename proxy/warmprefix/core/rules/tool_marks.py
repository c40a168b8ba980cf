"""Drops caching hints from tools."""

from dataclasses import replace

from warmprefix.core.errors import NotUnderstood
from warmprefix.core.rules.base import Rule, tools_rule
from warmprefix.core.types import Names, RawJson, Risk, Tool
from warmprefix.core.wire.slices import members, write_object


def _change(tool: Tool) -> Tool:
    if tool.shape is None:
        return tool
    names = tool.shape.names
    if tool.definition.find(names.mark.encode()) < 0:  # the usual case, for the price of one search
        return tool
    try:
        definition = _without_mark(tool.definition, names)
    except NotUnderstood:
        return tool
    return tool if definition is tool.definition else replace(tool, definition=definition)


def _without_mark(definition: RawJson, names: Names) -> RawJson:
    spans = members(definition)
    pairs = {key: RawJson(definition[start:end]) for key, (start, end) in spans.items()}
    function = pairs.get(names.function_of, RawJson(b""))
    has_mark = pairs.pop(names.mark, None) is not None
    if function.startswith(b"{") and names.mark in (inner := members(function)):
        kept = ((key, function[a:b]) for key, (a, b) in inner.items() if key != names.mark)
        pairs[names.function_of] = RawJson(write_object(kept))
        has_mark = True
    return RawJson(write_object(pairs.items())) if has_mark else definition


RULE: Rule = tools_rule(
    "tool-marks",
    Risk.LOSSLESS,
    _change,
    why="A caching hint for another API on the last tool; templates that print tools whole print it.",
    source="captured with Claude Code 2.1.197 behind an OpenAI adapter",
)
