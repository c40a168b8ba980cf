"""Members of messages and calls come in one order; unknown ones keep theirs, behind."""

import pytest

from tests.builders import call, calling
from tests.core.rules.table import Change, Keep, check_rows
from warmprefix.core.rules.key_order import RULE

CALL = call(call_id="c")


TABLE = [
    Change(
        "message",
        [{"content": "x", "role": "user"}],
        [{"role": "user", "content": "x"}],
        "JSONB columns, Lemonade",
    ),
    Change(
        "result",
        [{"name": "f", "tool_call_id": "c", "content": "x", "role": "tool"}],
        [{"role": "tool", "content": "x", "tool_call_id": "c", "name": "f"}],
        "own",
    ),
    Change(
        "unknown-ones-behind",
        [{"z": 1, "role": "user", "a": 2, "content": "x"}],
        [{"role": "user", "content": "x", "z": 1, "a": 2}],
        "own",
    ),
    Change(
        "call",
        [calling({"function": {"name": "f", "arguments": "{}"}, "type": "function", "id": "c"})],
        [calling(CALL)],
        "own",
    ),
    Change(
        "function",
        [calling(CALL | {"function": {"arguments": "{}", "name": "f"}})],
        [calling(CALL)],
        "own",
    ),
    Change(
        "raw-members",
        [{"content": None, "role": "user"}],
        [{"role": "user", "content": None}],
        "own",
    ),
    Keep("in-order", [{"role": "user", "content": "x", "z": 1, "a": 2}], "own"),
    Keep(
        "arguments",
        [calling(CALL | {"function": {"name": "f", "arguments": '{"b":1,"a":2}'}})],
        "the model's own text",
    ),
    Keep(
        "inside-unknown-members",
        [{"role": "user", "content": "x", "z": {"b": 1, "a": 2}}],
        "not ours",
    ),
    Keep("inside-parts", [{"role": "user", "content": [{"u": 1, "type": "image_url"}]}], "opaque"),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_members_come_in_one_order(row: Change | Keep) -> None:
    check_rows(RULE, row)
