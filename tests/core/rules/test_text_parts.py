"""Content that is all text parts becomes one string."""

import pytest

from tests.core.rules.table import Change, Keep, check_rows
from warmprefix.core.rules.text_parts import RULE
from warmprefix.dialects.messages import MESSAGES


def text(content: str) -> dict[str, object]:
    return {"type": "text", "text": content}


def parts(*content: object) -> dict[str, object]:
    return {"role": "user", "content": content}


def whole(content: str) -> dict[str, object]:
    return {"role": "user", "content": content}


TABLE = [
    Change(
        "one",
        [parts(text("x"))],
        [whole("x")],
        "hermes-agent 0.19.0; llama.cpp common/chat.cpp:187-260",
    ),
    Change(
        "several",
        [parts(text("x"), text("y\n"), text(""))],
        [whole("x\ny\n\n")],
        "llama.cpp joins with a line feed",
    ),
    Change("empty-list", [parts()], [whole("")], "renders the same in 29 of 29 templates"),
    Change(
        "result",
        [{"role": "tool", "tool_call_id": "c", "content": [text("x")]}],
        [{"role": "tool", "tool_call_id": "c", "content": "x"}],
        "MCP adapters",
    ),
    Keep("string", [whole("x")], "own"),
    Keep(
        "picture",
        [parts(text("x"), {"type": "image_url", "image_url": {"url": "data:,"}})],
        "a picture has a place",
    ),
    Keep("mark", [parts(text("x") | {"cache_control": {}})], "the rule `part-marks`"),
    Keep("strings", [parts("x")], "not ours to judge"),
    Change(
        "messages-one",
        [parts(text("x"))],
        [whole("x")],
        "captured with Claude Code 2.1.197: a text is an array only while it is the newest",
        MESSAGES,
    ),
    Keep(
        "messages-several",
        [parts(text("x"), text("y"))],
        "templates get the parts, and each joins them its own way",
        MESSAGES,
    ),
    Keep("null", [{"role": "user", "content": None}], "the rule `empty-content`"),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_text_parts_become_a_string(row: Change | Keep) -> None:
    check_rows(RULE, row)
