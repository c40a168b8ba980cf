"""Reasoning of nothing but blanks is no reasoning."""

import pytest

from tests.core.rules.table import Change, Keep, check_rows
from warmprefix.core.rules.blank_reasoning import RULE

TABLE = [
    Change(
        "empty",
        [{"role": "assistant", "content": "x", "reasoning_content": ""}],
        [{"role": "assistant", "content": "x"}],
        "https://github.com/NousResearch/hermes-agent/issues/13864",
    ),
    Change(
        "one-blank",
        [{"role": "assistant", "reasoning_content": " ", "content": "x"}],
        [{"role": "assistant", "content": "x"}],
        "https://github.com/NousResearch/hermes-agent/issues/45655",
    ),
    Change(
        "line-ends",
        [{"role": "assistant", "content": "x", "reasoning_content": "\n\r\n\t"}],
        [{"role": "assistant", "content": "x"}],
        "own",
    ),
    Keep(
        "reasoning",
        [{"role": "assistant", "content": "x", "reasoning_content": " because\n"}],
        "never deleted: the model's own words",
    ),
    Keep("absent", [{"role": "assistant", "content": "x"}], "own"),
    Keep(
        "not-text",
        [{"role": "assistant", "content": "x", "reasoning_content": []}],
        "not ours to judge",
    ),
    *(
        Keep(
            f"of-a-{role}",
            [{"role": role, "content": "x", "reasoning_content": " "}],
            "no reply: what it means is not ours to judge",
        )
        for role in ("user", "system", "tool")
    ),
    Keep("empty-text", [{"role": "assistant", "content": ""}], "another member"),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_blank_reasoning_is_dropped(row: Change | Keep) -> None:
    check_rows(RULE, row)
