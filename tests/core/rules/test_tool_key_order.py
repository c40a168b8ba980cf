"""The envelope of a tool comes in one order; the schema inside is never touched."""

import pytest

from tests.core.rules.table import ToolsChange, ToolsKeep, check_rows
from warmprefix.core.rules.tool_key_order import RULE

FUNCTION = {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}
TOOL = {"type": "function", "function": FUNCTION}

TABLE = [
    ToolsChange(
        "tool", [{"function": FUNCTION, "type": "function"}], [TOOL], "serialisers that sort"
    ),
    ToolsChange(
        "function",
        [{"type": "function", "function": dict(reversed(FUNCTION.items()))}],
        [TOOL],
        "serialisers that sort",
    ),
    ToolsChange(
        "unknown-ones-behind",
        [{"x": 1, "function": {"y": 2, "name": "f"}, "type": "function"}],
        [{"type": "function", "function": {"name": "f", "y": 2}, "x": 1}],
        "own",
    ),
    ToolsChange(
        "empty-function",
        [{"function": {}, "type": "function"}],
        [{"type": "function", "function": {}}],
        "own",
    ),
    ToolsChange(
        "function-of-another-type",
        [{"function": 5, "type": "function"}],
        [{"type": "function", "function": 5}],
        "own",
    ),
    ToolsKeep("in-order", [TOOL], "own"),
    ToolsKeep(
        "schema",
        [{"type": "function", "function": {"name": "f", "parameters": {"z": 1, "a": 2}}}],
        "21 to 24 of 29 templates print its key order",
    ),
    ToolsKeep(
        "order-of-tools", [TOOL | {"x": 2}, TOOL | {"x": 1}], "restored from memory, not sorted"
    ),
    ToolsKeep("without-a-function", [{"type": "web_search"}], "own"),
    ToolsKeep("no-object", [5], "not ours to judge"),
    ToolsKeep("no-tools", None, "own"),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_the_envelope_comes_in_one_order(row: ToolsChange | ToolsKeep) -> None:
    check_rows(RULE, row)
