"""Caching hints on tools are dropped; schemas are not looked into."""

import pytest

from tests.core.rules.table import ToolsChange, ToolsKeep, check_rows
from warmprefix.core.rules.tool_marks import RULE

FUNCTION = {"name": "f", "parameters": {"type": "object"}}
TOOL = {"type": "function", "function": FUNCTION}
MARK = {"cache_control": {"type": "ephemeral"}}

TABLE = [
    ToolsChange(
        "on-the-tool",
        [TOOL | MARK],
        [TOOL],
        "captured with Claude Code 2.1.197 behind an OpenAI adapter",
    ),
    ToolsChange(
        "on-the-function", [{"type": "function", "function": FUNCTION | MARK}], [TOOL], "own"
    ),
    ToolsChange(
        "on-both", [MARK | {"type": "function", "function": MARK | FUNCTION}], [TOOL], "own"
    ),
    ToolsChange(
        "on-the-last", [TOOL, TOOL | MARK], [TOOL, TOOL], "captured with Claude Code 2.1.197"
    ),
    ToolsChange(
        "without-a-function", [{"type": "web_search"} | MARK], [{"type": "web_search"}], "own"
    ),
    ToolsChange("function-of-another-type", [{"function": 5} | MARK], [{"function": 5}], "own"),
    ToolsKeep("no-mark", [TOOL], "own"),
    ToolsKeep(
        "in-the-schema",
        [{"type": "function", "function": {"name": "f", "parameters": {"properties": MARK}}}],
        "a parameter of that name",
    ),
    ToolsKeep(
        "in-the-description",
        [{"type": "function", "function": {"name": "f", "description": "cache_control"}}],
        "own",
    ),
    ToolsKeep("no-object", ["cache_control"], "not ours to judge"),
    ToolsKeep("no-tools", None, "own"),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_a_mark_on_a_tool_is_dropped(row: ToolsChange | ToolsKeep) -> None:
    check_rows(RULE, row)
