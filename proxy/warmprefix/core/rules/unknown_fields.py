"""Drops members of messages and tool calls that are not part of the API."""

from dataclasses import replace

from warmprefix.core.messages import changed
from warmprefix.core.rules.base import Rule, message_rule, without
from warmprefix.core.types import Message, Names, Risk, ToolCall

# Reasoning in a message that is no reply may mean something; it is not the client's bookkeeping.
_BESIDE_REPLIES = frozenset({"reasoning"})


def _change(message: Message) -> Message:
    if message.shape is None or not (message.extra or message.tool_calls):
        return message
    names = message.shape.names
    unknown = frozenset(message.extra).difference(names.api, names.message)
    if message.role != "assistant":
        unknown -= _BESIDE_REPLIES
    calls = tuple(_change_call(call, names) for call in message.tool_calls)
    same = all(a is b for a, b in zip(calls, message.tool_calls, strict=True))
    if not unknown and same:
        return message
    extra = {key: raw for key, raw in message.extra.items() if key not in unknown}
    keys = without(message.keys, unknown)
    return changed(message, extra=extra, keys=keys, tool_calls=calls)


def _change_call(call: ToolCall, names: Names) -> ToolCall:
    unknown = frozenset(call.extra).difference(names.call)
    inner = frozenset(call.function_extra).difference(names.function)
    if not unknown and not inner:
        return call
    return replace(
        call,
        extra={key: raw for key, raw in call.extra.items() if key not in unknown},
        keys=without(call.keys, unknown),
        function_extra={key: raw for key, raw in call.function_extra.items() if key not in inner},
        function_keys=without(call.function_keys, inner),
    )


RULE: Rule = message_rule(
    "unknown-fields",
    Risk.LOSSLESS,
    _change,
    features={"extra"},
    why="Bookkeeping of the client (call_id, finish_reason, timestamps, ids) comes and goes with a "
    "session reload; llama-server drops it before the template, other backends may print it.",
    source="llama.cpp common/chat.cpp:380-462; "
    "https://github.com/NousResearch/hermes-agent/pull/4563",
)
