"""Results of parallel calls come in the order of the calls."""

import pytest

from tests.core.rules.table import Change, Keep, check_rows
from warmprefix.core.rules.tool_result_order import RULE

ASKED = {"role": "user", "content": "x"}


def calling(*ids: str) -> dict[str, object]:
    function = {"name": "f", "arguments": "{}"}
    calls = [{"id": at, "type": "function", "function": function} for at in ids]
    return {"role": "assistant", "content": "", "tool_calls": calls}


def result(of: str) -> dict[str, object]:
    return {"role": "tool", "tool_call_id": of, "content": f"result of {of}"}


TABLE = [
    Change(
        "swapped",
        [calling("a", "b"), result("b"), result("a")],
        [calling("a", "b"), result("a"), result("b")],
        "captured with hermes-agent 0.19.0",
    ),
    Change(
        "three",
        [calling("a", "b", "c"), result("c"), result("a"), result("b"), ASKED],
        [calling("a", "b", "c"), result("a"), result("b"), result("c"), ASKED],
        "own",
    ),
    Change(
        "one-is-lost",
        [calling("a", "b", "c"), result("c"), result("a")],
        [calling("a", "b", "c"), result("a"), result("c")],
        "an interrupted round",
    ),
    Change(
        "every-batch-by-itself",
        [calling("a", "b"), result("b"), result("a"), calling("b", "a"), result("a"), result("b")],
        [calling("a", "b"), result("a"), result("b"), calling("b", "a"), result("b"), result("a")],
        "ids used again",
    ),
    Keep("in-order", [calling("a", "b"), result("a"), result("b")], "own"),
    Keep("one-result", [calling("a", "b"), result("b")], "own"),
    Keep(
        "unknown-id",
        [calling("a", "b"), result("b"), result("z"), result("a")],
        "nobody knows where it belongs",
    ),
    Keep(
        "id-twice",
        [calling("a", "b"), result("b"), result("a"), result("b")],
        "nobody knows which is which",
    ),
    Keep(
        "no-id",
        [calling("a", "b"), result("b"), {"role": "tool", "content": "x"}],
        "nobody knows where it belongs",
    ),
    Keep("across-a-message", [calling("a", "b"), result("b"), ASKED, result("a")], "not one batch"),
    Keep("no-calls", [ASKED, result("b"), result("a")], "own"),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_results_follow_their_calls(row: Change | Keep) -> None:
    check_rows(RULE, row)
