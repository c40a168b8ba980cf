"""Drops caching hints from tools."""

from warmprefix.core.errors import NotUnderstood
from warmprefix.core.rules.base import Rule, tools_rule
from warmprefix.core.types import RawJson, Risk, Tool
from warmprefix.core.wire.slices import members, write_object

_MARK = "cache_control"
_MARK_BYTES = b"cache_control"


def _change(tool: Tool) -> Tool:
    if tool.definition.find(_MARK_BYTES) < 0:  # the usual case costs one search
        return tool
    try:
        definition = _without_mark(tool.definition)
    except NotUnderstood:
        return tool
    return tool if definition is tool.definition else Tool(tool.name, definition)


def _without_mark(definition: RawJson) -> RawJson:
    spans = members(definition)
    pairs = {key: RawJson(definition[start:end]) for key, (start, end) in spans.items()}
    function = pairs.get("function", RawJson(b""))
    has_mark = pairs.pop(_MARK, None) is not None
    if function.startswith(b"{") and _MARK in (inner := members(function)):
        kept = ((key, function[a:b]) for key, (a, b) in inner.items() if key != _MARK)
        pairs["function"] = RawJson(write_object(kept))
        has_mark = True
    return RawJson(write_object(pairs.items())) if has_mark else definition


RULE: Rule = tools_rule(
    "tool-marks",
    Risk.LOSSLESS,
    _change,
    why="A caching hint for another API on the last tool; templates that print tools whole print it.",
    source="captured with Claude Code 2.1.197 behind an OpenAI adapter",
)
