"""Results of parallel calls come in the order of the calls."""

import pytest

from tests.builders import Json, call, calling, result, user
from tests.core.rules.table import Change, Keep, check_rows
from warmprefix.core.rules.tool_result_order import RULE

ASKED = user("x")


def calls(*ids: str) -> Json:
    """A message that calls one function under each of these ids."""
    return calling(*(call(call_id=at) for at in ids))


TABLE = [
    Change(
        "swapped",
        [calls("a", "b"), result("b"), result("a")],
        [calls("a", "b"), result("a"), result("b")],
        "captured with hermes-agent 0.19.0",
    ),
    Change(
        "three",
        [calls("a", "b", "c"), result("c"), result("a"), result("b"), ASKED],
        [calls("a", "b", "c"), result("a"), result("b"), result("c"), ASKED],
        "own",
    ),
    Change(
        "one-is-lost",
        [calls("a", "b", "c"), result("c"), result("a")],
        [calls("a", "b", "c"), result("a"), result("c")],
        "an interrupted round",
    ),
    Change(
        "every-batch-by-itself",
        [calls("a", "b"), result("b"), result("a"), calls("b", "a"), result("a"), result("b")],
        [calls("a", "b"), result("a"), result("b"), calls("b", "a"), result("b"), result("a")],
        "ids used again",
    ),
    Keep("in-order", [calls("a", "b"), result("a"), result("b")], "own"),
    Keep("one-result", [calls("a", "b"), result("b")], "own"),
    Keep(
        "unknown-id",
        [calls("a", "b"), result("b"), result("z"), result("a")],
        "nobody knows where it belongs",
    ),
    Keep(
        "id-twice",
        [calls("a", "b"), result("b"), result("a"), result("b")],
        "nobody knows which is which",
    ),
    Keep(
        "no-id",
        [calls("a", "b"), result("b"), {"role": "tool", "content": "x"}],
        "nobody knows where it belongs",
    ),
    Keep("across-a-message", [calls("a", "b"), result("b"), ASKED, result("a")], "not one batch"),
    Keep("no-calls", [ASKED, result("b"), result("a")], "own"),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_results_follow_their_calls(row: Change | Keep) -> None:
    check_rows(RULE, row)
