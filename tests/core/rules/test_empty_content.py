"""Null, missing and empty content are the empty string."""

import pytest

from tests.core.rules.table import Change, Keep, check_rows
from warmprefix.core.rules.empty_content import RULE

CALLS = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]

TABLE = [
    Change(
        "null",
        [{"role": "assistant", "content": None, "tool_calls": CALLS}],
        [{"role": "assistant", "content": "", "tool_calls": CALLS}],
        "renders the same in 29 of 29 templates",
    ),
    Change(
        "missing",
        [{"role": "assistant", "tool_calls": CALLS}],
        [{"role": "assistant", "content": "", "tool_calls": CALLS}],
        "llama.cpp common/chat.cpp:1292",
    ),
    Change(
        "missing-without-calls",
        [{"role": "assistant", "reasoning_content": "r"}],
        [{"role": "assistant", "content": "", "reasoning_content": "r"}],
        "own",
    ),
    Change(
        "null-in-its-place",
        [{"content": None, "role": "user"}],
        [{"content": "", "role": "user"}],
        "own",
    ),
    Change(
        "result-of-null",
        [{"role": "tool", "tool_call_id": "c", "content": None}],
        [{"role": "tool", "tool_call_id": "c", "content": ""}],
        "own",
    ),
    Keep("empty", [{"role": "assistant", "content": "", "tool_calls": CALLS}], "own"),
    Keep("text", [{"role": "assistant", "content": "null"}], "own"),
    Keep("missing-of-a-user", [{"role": "user"}], "the backend's to refuse"),
    Keep("odd-type", [{"role": "assistant", "content": 5}], "not ours to judge"),
    Keep("empty-parts", [{"role": "assistant", "content": []}], "the rule `text-parts`"),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_no_content_is_empty_content(row: Change | Keep) -> None:
    check_rows(RULE, row)
