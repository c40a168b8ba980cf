"""System and assistant text lose white space at both ends, and nowhere else."""

import pytest

from tests.builders import assistant
from tests.core.rules.table import Change, Keep, check_rows
from warmprefix.core.rules.edge_whitespace import RULE

TABLE = [
    Change(
        "reply",
        [assistant("\n\nHello\n")],
        [assistant("Hello")],
        "https://github.com/NousResearch/hermes-agent/pull/7988",
    ),
    Change(
        "system",
        [{"role": "system", "content": "Be brief. \t\r\n"}],
        [{"role": "system", "content": "Be brief."}],
        "https://github.com/NousResearch/hermes-agent/pull/7988",
    ),
    Change(
        "developer",
        [{"role": "developer", "content": " x"}],
        [{"role": "developer", "content": "x"}],
        "the system text of newer clients",
    ),
    Change("blank", [assistant(" \n ")], [assistant("")], "text beside tool calls"),
    Keep("inside", [assistant("a  \n\n  b")], "code, Markdown line breaks"),
    Keep("no-break-space", [assistant("\u00a0x\u3000\u2028")], "content"),
    Keep("user", [{"role": "user", "content": "  x\n"}], "the rule `user-edge-newlines`"),
    Keep(
        "result",
        [{"role": "tool", "tool_call_id": "c", "content": "  x\n"}],
        "the output of a tool",
    ),
    Keep("parts", [{"role": "assistant", "content": [{"type": "text", "text": " x "}]}], "own"),
    Keep(
        "reasoning",
        [{"role": "assistant", "content": "x", "reasoning_content": " r\n"}],
        "another member",
    ),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_edges_are_stripped(row: Change | Keep) -> None:
    check_rows(RULE, row)
