"""User text loses line ends at both ends; blanks can be pasted code."""

import pytest

from tests.core.rules.table import Change, Keep, check_rows
from warmprefix.core.rules.user_edge_newlines import RULE


def asked(text: str) -> dict[str, object]:
    return {"role": "user", "content": text}


TABLE = [
    Change("behind", [asked("x\n\n")], [asked("x")], "hermes-agent 0.19.0 hermes_state.py:4928"),
    Change("in-front", [asked("\r\nx")], [asked("x")], "hermes-agent 0.19.0 hermes_state.py:4928"),
    Change("indentation-stays", [asked("\n  def f():\n")], [asked("  def f():")], "pasted code"),
    Keep("blanks", [asked("  x \t")], "pasted code"),
    Keep("inside", [asked("a\n\nb")], "own"),
    Keep("line-separator", [asked("x\u2028")], "content"),
    Keep("reply", [{"role": "assistant", "content": "x\n"}], "the rule `edge-whitespace`"),
    Keep(
        "result", [{"role": "tool", "tool_call_id": "c", "content": "x\n"}], "the output of a tool"
    ),
    Keep("parts", [{"role": "user", "content": [{"type": "text", "text": "x\n"}]}], "own"),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_line_ends_at_the_edges_are_stripped(row: Change | Keep) -> None:
    check_rows(RULE, row)
