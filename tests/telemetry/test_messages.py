"""What was said, in the shape of the semantic conventions."""

import json
from dataclasses import replace

import orjson

from tests.chat_dialect import parse
from warmprefix.core.messages import piece
from warmprefix.core.types import Message, Prompt, TextPart
from warmprefix.telemetry.messages import input_messages, output_messages

CALL = {"id": "c1", "type": "function", "function": {"name": "read", "arguments": '{"a":1}'}}


def prompt(*messages: dict[str, object]) -> Prompt:
    return parse(orjson.dumps({"messages": messages})).prompt


def test_every_part_of_a_prompt_is_there() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:x"}}
    said = prompt(
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "What is it?"}, picture]},
        {"role": "assistant", "reasoning_content": "Hm.", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "4 mm"},
    )

    assert json.loads(input_messages(said)) == [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {"role": "user", "parts": [{"type": "text", "content": "What is it?"}, {"type": "other"}]},
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "Hm."},
                {"type": "tool_call", "id": "c1", "name": "read", "arguments": '{"a":1}'},
            ],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "4 mm"}]},
    ]


def test_arguments_that_are_a_value_are_written_as_text() -> None:
    call = {**CALL, "function": {"name": "read", "arguments": {"a": 1}}}
    (message,) = json.loads(input_messages(prompt({"role": "assistant", "tool_calls": [call]})))

    assert message["parts"][0]["arguments"] == '{"a":1}'


def test_a_plain_prompt_is_one_message() -> None:
    plain = Prompt((piece("Once "), piece("upon")), is_plain=True)

    assert json.loads(input_messages(plain)) == [
        {"role": "user", "parts": [{"type": "text", "content": "Once upon"}]}
    ]


def test_a_reply_says_why_it_ended() -> None:
    (reply,) = prompt({"role": "assistant", "content": "So."}).messages

    for word in ("length", None):
        assert json.loads(output_messages(reply, word)) == [
            {
                "role": "assistant",
                "parts": [{"type": "text", "content": "So."}],
                "finish_reason": word or "",
            }
        ]


def test_what_cannot_be_written_is_left_out() -> None:
    (reply,) = prompt({"role": "assistant", "content": "So."}).messages
    broken = replace(reply, parts=(TextPart("\ud800"),))

    assert output_messages(broken, None) == ""
    assert json.loads(input_messages(Prompt((Message(None, opaque=True),)))) == [
        {"role": "user", "parts": []}
    ]
