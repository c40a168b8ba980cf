"""Arguments of a tool call are JSON text: an object becomes text, nothing becomes `{}`."""

from dataclasses import replace

from warmprefix.core.messages import changed
from warmprefix.core.rules.base import Rule, message_rule
from warmprefix.core.types import Message, Risk, ToolCall
from warmprefix.core.wire.slices import compact


def _change(message: Message) -> Message:
    if message.shape is not None and not message.shape.names.has_text_arguments:
        return message
    calls = tuple(map(_change_call, message.tool_calls))
    if all(a is b for a, b in zip(calls, message.tool_calls, strict=True)):
        return message
    return changed(message, tool_calls=calls)


def _change_call(call: ToolCall) -> ToolCall:
    if call.arguments_raw is not None:
        text = "{}" if call.arguments_raw == b"null" else compact(call.arguments_raw).decode()
        return replace(call, arguments=text, arguments_raw=None)
    if call.arguments is not None and not call.arguments.strip(" \t\r\n"):
        return replace(call, arguments="{}")
    return call


RULE: Rule = message_rule(
    "arguments-text",
    Risk.LOSSLESS,
    _change,
    features={"calls"},
    why="The API says text; 26 of 29 templates answer 500 to empty text. Key order and the spelling "
    "of numbers stay as they came.",
    source="llama.cpp common/chat.cpp:1041-1057; https://github.com/NousResearch/hermes-agent/issues/1071",
)
