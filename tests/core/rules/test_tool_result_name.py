"""A tool result gets the name of the call it answers."""

import pytest

from tests.builders import Json, call, calling, result, user
from tests.core.rules.table import Change, Keep, check_rows
from warmprefix.core.rules.tool_result_name import RULE
from warmprefix.dialects.messages import MESSAGES

ASKED = user("x")


def calls(**names: str) -> Json:
    """A message that calls functions, each under the id of its keyword."""
    return calling(*(call(name=name, call_id=at) for at, name in names.items()))


TABLE = [
    Change(
        "lost",
        [calls(a="read"), result("a")],
        [calls(a="read"), result("a", name="read")],
        "captured with hermes-agent (tool_dispatch_helpers.py:486)",
    ),
    Change(
        "of-a-batch",
        [calls(a="read", b="write"), result("b"), result("a")],
        [calls(a="read", b="write"), result("b", name="write"), result("a", name="read")],
        "own",
    ),
    Change(
        "of-an-older-call",
        [calls(a="read"), ASKED, result("a")],
        [calls(a="read"), ASKED, result("a", name="read")],
        "own",
    ),
    Change(
        "id-used-again",
        [calls(a="read"), result("a"), calls(a="write"), result("a")],
        [
            calls(a="read"),
            result("a", name="read"),
            calls(a="write"),
            result("a", name="write"),
        ],
        "https://github.com/NousResearch/hermes-agent/issues/70724",
    ),
    Change(
        "in-its-place",
        [calls(a="read"), {"x": 1, "content": "r", "role": "tool", "tool_call_id": "a"}],
        [
            calls(a="read"),
            {"role": "tool", "content": "r", "tool_call_id": "a", "name": "read", "x": 1},
        ],
        "own",
    ),
    Keep("another-name", [calls(a="read"), result("a", name="write")], "the client's word"),
    Keep("odd-name", [calls(a="read"), result("a", name=5)], "not ours to judge"),
    Keep("unknown-id", [calls(a="read"), result("b")], "own"),
    Keep("no-id", [calls(a="read"), {"role": "tool", "content": "x"}], "own"),
    Keep(
        "call-without-id-or-name",
        [
            {
                "role": "assistant",
                "tool_calls": [{"function": {"name": "f"}}, {"id": "a", "function": {}}],
            },
            result("a"),
        ],
        "own",
    ),
    Keep("call-behind", [result("a"), calls(a="read")], "no rule looks ahead"),
    Keep(
        "messages",
        [
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "c", "content": "r"}],
            },
        ],
        "results have no name there",
        MESSAGES,
    ),
    Keep("not-a-result", [calls(a="read"), ASKED | {"tool_call_id": "a"}], "own"),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_a_lost_name_is_filled(row: Change | Keep) -> None:
    check_rows(RULE, row)
