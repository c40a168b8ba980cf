"""Null members of a message are dropped; null content is another rule's."""

import pytest

from tests.core.rules.table import Change, Keep, check_rows
from warmprefix.core.rules.null_fields import RULE
from warmprefix.core.types import Message, Prompt, RawJson

TABLE = [
    Change(
        "refusal",
        [{"role": "assistant", "content": "x", "refusal": None}],
        [{"role": "assistant", "content": "x"}],
        "openai model_dump()",
    ),
    Change(
        "tool-calls",
        [{"role": "assistant", "content": "x", "tool_calls": None}],
        [{"role": "assistant", "content": "x"}],
        "https://github.com/NousResearch/hermes-agent/issues/58755",
    ),
    Change(
        "name",
        [{"role": "user", "name": None, "content": "x"}],
        [{"role": "user", "content": "x"}],
        "llama.cpp common/chat.cpp:373-470 answers 500",
    ),
    Change(
        "reasoning",
        [{"role": "assistant", "reasoning_content": None, "content": "x"}],
        [{"role": "assistant", "content": "x"}],
        "llama.cpp common/chat.cpp:373-470 answers 500",
    ),
    Change(
        "several-of-one-message",
        [{"a": None, "role": "user", "b": None, "content": "x"}],
        [{"role": "user", "content": "x"}],
        "own",
    ),
    Keep("content", [{"role": "assistant", "content": None}], "the rule `empty-content`"),
    Keep(
        "inside-a-member",
        [{"role": "user", "content": "x", "audio": {"id": None}}],
        "not a member of the message",
    ),
    Keep(
        "inside-a-call",
        [
            {
                "role": "assistant",
                "tool_calls": [{"id": None, "function": {"name": "f", "arguments": "null"}}],
            }
        ],
        "not a member of the message",
    ),
    Keep("false-and-zero", [{"role": "user", "content": "x", "a": False, "b": 0, "c": ""}], "own"),
    Keep("text-that-says-null", [{"role": "user", "content": "null"}], "own"),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_a_null_member_is_dropped(row: Change | Keep) -> None:
    check_rows(RULE, row)


def test_a_message_without_a_shape_has_no_content_to_keep() -> None:
    nothing = Message("user", extra={"content": RawJson(b"null")})

    assert RULE.apply(Prompt((nothing,))).messages[0].extra == {}
