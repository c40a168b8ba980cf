"""Bookkeeping of clients is dropped; members of the API stay."""

import pytest

from tests.builders import calling
from tests.core.rules.table import Change, Keep, check_rows
from warmprefix.core.rules.unknown_fields import RULE

F = {"name": "f", "arguments": "{}"}
CALL = {"id": "c", "type": "function", "function": F}


TABLE = [
    Change(
        "finish-reason",
        [{"role": "assistant", "content": "x", "finish_reason": "stop"}],
        [{"role": "assistant", "content": "x"}],
        "https://github.com/NousResearch/hermes-agent/issues/4555",
    ),
    Change(
        "timestamp",
        [{"timestamp": 1.5, "role": "user", "content": "x"}],
        [{"role": "user", "content": "x"}],
        "https://github.com/NousResearch/hermes-agent/issues/47868",
    ),
    Change(
        "tool-name",
        [{"role": "tool", "tool_call_id": "c", "tool_name": "f", "content": "x"}],
        [{"role": "tool", "tool_call_id": "c", "content": "x"}],
        "https://github.com/NousResearch/hermes-agent/issues/52813",
    ),
    Change(
        "inside-a-call",
        [calling({"id": "c", "call_id": "d", "type": "function", "function": F})],
        [calling({"id": "c", "type": "function", "function": F})],
        "https://github.com/NousResearch/hermes-agent/pull/4563",
    ),
    Change(
        "index-of-a-call",
        [calling({"index": 0, "id": "c", "type": "function", "function": F})],
        [calling({"id": "c", "type": "function", "function": F})],
        "mini-swe-agent, litellm",
    ),
    Change(
        "inside-a-function",
        [calling({"id": "c", "type": "function", "function": F | {"parsed": {}}})],
        [calling({"id": "c", "type": "function", "function": F})],
        "openai parse() helpers",
    ),
    Change("one-call-of-two", [calling(CALL, CALL | {"x": 1})], [calling(CALL, CALL)], "own"),
    Change(
        "reasoning-under-another-name",
        [{"role": "assistant", "content": "x", "reasoning": "why"}],
        [{"role": "assistant", "content": "x"}],
        "llama-server reads reasoning_content",
    ),
    Keep(
        "reasoning-beside-a-question",
        [{"role": "user", "content": "x", "reasoning": "why", "reasoning_content": "why"}],
        "no reply: what it means is not ours to judge",
    ),
    Keep(
        "members-of-the-api",
        [
            {
                "role": "assistant",
                "content": "x",
                "refusal": "no",
                "audio": {"id": "a"},
                "function_call": F,
                "prefix": True,
                "partial": True,
            }
        ],
        "OpenAI chat API; DeepSeek and Moonshot continue a reply",
    ),
    Keep(
        "what-llama-server-reads",
        [
            {
                "role": "tool",
                "content": "x",
                "reasoning_content": "r",
                "tool_calls": [CALL],
                "tool_call_id": "c",
                "name": "f",
            }
        ],
        "llama.cpp common/chat.cpp:380-462",
    ),
    Keep(
        "members-of-odd-types",
        [{"role": "user", "content": 5, "name": 7, "tool_calls": "x", "reasoning_content": []}],
        "not ours to judge",
    ),
    Keep("inside-the-text", [{"role": "user", "content": "timestamp"}], "own"),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_a_member_outside_the_api_is_dropped(row: Change | Keep) -> None:
    check_rows(RULE, row)
