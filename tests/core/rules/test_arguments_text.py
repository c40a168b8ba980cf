"""Arguments are JSON text; how it is spelled is nobody's business."""

import pytest

from tests.builders import Json, call, calling
from tests.core.rules.table import Change, Keep, check_rows
from warmprefix.core.rules.arguments_text import RULE
from warmprefix.core.types import Prompt
from warmprefix.dialects.chat_completions.messages import parse_message
from warmprefix.dialects.messages import MESSAGES


def calls(*arguments: object) -> Json:
    """A message that calls one function with each of these arguments."""
    return calling(*(call(value) for value in arguments))


TABLE = [
    Change(
        "object",
        [calls({"b": 1.50, "a": "é"})],
        [calls('{"b":1.5,"a":"\\u00e9"}')],
        "https://github.com/NousResearch/hermes-agent/issues/1071",
    ),
    Change("null", [calls(None)], [calls("{}")], "llama.cpp common/chat.cpp:1041-1057"),
    Change("empty", [calls("")], [calls("{}")], "26 of 29 templates answer 500"),
    Change("blank", [calls(" \n")], [calls("{}")], "own"),
    Change("one-call-of-two", [calls("{}", "")], [calls("{}", "{}")], "own"),
    Keep("text", [calls('{"b": 1e1, "a":1}')], "key order and number spelling stay"),
    Keep("not-json", [calls("{broken")], "passes byte for byte"),
    Keep("no-break-space", [calls("\u00a0")], "fuzzing: text, as everywhere (docs/rules.md)"),
    Keep("text-that-says-null", [calls("null")], "text, not nothing"),
    Keep("array", [calls([1])], "not ours to judge"),
    Keep(
        "missing",
        [{"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f"}}]}],
        "not ours to judge",
    ),
    Keep(
        "messages",
        [
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {"b": 1.50}}],
            }
        ],
        "arguments are a value there",
        MESSAGES,
    ),
    Keep("no-calls", [{"role": "user", "content": ""}], "own"),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_arguments_become_text(row: Change | Keep) -> None:
    check_rows(RULE, row)


def test_an_object_keeps_its_spelling_as_text() -> None:
    """Big integers, 1e1 and members named twice are in the text as they were in the object."""
    raw = (
        b'{"role":"assistant","tool_calls":[{"function":{"name":"f",'
        b'"arguments":{ "n" : 123456789012345678901, "f": 1e1, "o": {"a":1, "a":2} }}}]}'
    )

    (message,) = RULE.apply(Prompt((parse_message(raw),))).messages

    (call,) = message.tool_calls
    assert call.arguments == '{"n":123456789012345678901,"f":1e1,"o":{"a":1,"a":2}}'
