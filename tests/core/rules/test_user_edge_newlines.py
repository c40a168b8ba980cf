"""User text loses line ends at both ends; blanks can be pasted code."""

import pytest

from tests.builders import user
from tests.core.rules.table import Change, Keep, check_rows
from warmprefix.core.rules.user_edge_newlines import RULE
from warmprefix.dialects.messages import MESSAGES

RESULT = {"type": "tool_result", "tool_use_id": "c", "content": "r\n"}
TABLE = [
    Change("behind", [user("x\n\n")], [user("x")], "hermes-agent 0.19.0 hermes_state.py:4928"),
    Change("in-front", [user("\r\nx")], [user("x")], "hermes-agent 0.19.0 hermes_state.py:4928"),
    Change("indentation-stays", [user("\n  def f():\n")], [user("  def f():")], "pasted code"),
    Keep("blanks", [user("  x \t")], "pasted code"),
    Keep("inside", [user("a\n\nb")], "own"),
    Keep("line-separator", [user("x\u2028")], "content"),
    Keep("reply", [{"role": "assistant", "content": "x\n"}], "the rule `edge-whitespace`"),
    Keep(
        "result", [{"role": "tool", "tool_call_id": "c", "content": "x\n"}], "the output of a tool"
    ),
    Keep(
        "result-of-the-messages-api",
        [user([{"type": "tool_result", "tool_use_id": "c", "content": "x\n"}])],
        "the output of a tool",
        MESSAGES,
    ),
    Change(
        "text-in-front-of-a-result",
        [user([{"type": "text", "text": "x\n"}, RESULT])],
        [user([{"type": "text", "text": "x"}, RESULT])],
        "own",
        MESSAGES,
    ),
    Keep("parts", [{"role": "user", "content": [{"type": "text", "text": "x\n"}]}], "own"),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_line_ends_at_the_edges_are_stripped(row: Change | Keep) -> None:
    check_rows(RULE, row)
