"""An empty list of tool calls is no list."""

import pytest

from tests.core.rules.table import Change, Keep, check_rows
from warmprefix.core.rules.empty_tool_calls import RULE

TABLE = [
    Change(
        "empty",
        [{"role": "assistant", "content": "x", "tool_calls": []}],
        [{"role": "assistant", "content": "x"}],
        "https://github.com/NousResearch/hermes-agent/issues/58755",
    ),
    Change(
        "in-front",
        [{"tool_calls": [], "role": "assistant", "content": "x"}],
        [{"role": "assistant", "content": "x"}],
        "own",
    ),
    Keep("no-list", [{"role": "assistant", "content": "x"}], "own"),
    Keep(
        "calls",
        [
            {
                "role": "assistant",
                "tool_calls": [
                    {"id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}
                ],
            }
        ],
        "own",
    ),
    Keep("not-understood", [{"role": "assistant", "tool_calls": [{}]}], "not ours to judge"),
    Keep("null", [{"role": "assistant", "tool_calls": None}], "the rule `null-fields`"),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_an_empty_list_of_calls_is_dropped(row: Change | Keep) -> None:
    check_rows(RULE, row)
