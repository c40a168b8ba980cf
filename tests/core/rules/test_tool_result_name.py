"""A tool result gets the name of the call it answers."""

import pytest

from tests.core.rules.table import Change, Keep, check_rows
from warmprefix.core.rules.tool_result_name import RULE

ASKED = {"role": "user", "content": "x"}


def calling(**names: str) -> dict[str, object]:
    calls = [
        {"id": at, "type": "function", "function": {"name": name, "arguments": "{}"}}
        for at, name in names.items()
    ]
    return {"role": "assistant", "content": "", "tool_calls": calls}


def result(of: str, **members: object) -> dict[str, object]:
    return {"role": "tool", "content": "r", "tool_call_id": of, **members}


TABLE = [
    Change(
        "lost",
        [calling(a="read"), result("a")],
        [calling(a="read"), result("a", name="read")],
        "captured with hermes-agent (tool_dispatch_helpers.py:486)",
    ),
    Change(
        "of-a-batch",
        [calling(a="read", b="write"), result("b"), result("a")],
        [calling(a="read", b="write"), result("b", name="write"), result("a", name="read")],
        "own",
    ),
    Change(
        "of-an-older-call",
        [calling(a="read"), ASKED, result("a")],
        [calling(a="read"), ASKED, result("a", name="read")],
        "own",
    ),
    Change(
        "id-used-again",
        [calling(a="read"), result("a"), calling(a="write"), result("a")],
        [
            calling(a="read"),
            result("a", name="read"),
            calling(a="write"),
            result("a", name="write"),
        ],
        "https://github.com/NousResearch/hermes-agent/issues/70724",
    ),
    Change(
        "in-its-place",
        [calling(a="read"), {"x": 1, "content": "r", "role": "tool", "tool_call_id": "a"}],
        [
            calling(a="read"),
            {"role": "tool", "content": "r", "tool_call_id": "a", "name": "read", "x": 1},
        ],
        "own",
    ),
    Keep("another-name", [calling(a="read"), result("a", name="write")], "the client's word"),
    Keep("odd-name", [calling(a="read"), result("a", name=5)], "not ours to judge"),
    Keep("unknown-id", [calling(a="read"), result("b")], "own"),
    Keep("no-id", [calling(a="read"), {"role": "tool", "content": "x"}], "own"),
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
    Keep("call-behind", [result("a"), calling(a="read")], "no rule looks ahead"),
    Keep("not-a-result", [calling(a="read"), ASKED | {"tool_call_id": "a"}], "own"),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_a_lost_name_is_filled(row: Change | Keep) -> None:
    check_rows(RULE, row)
