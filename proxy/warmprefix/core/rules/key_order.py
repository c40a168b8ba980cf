"""Members of a message and of a tool call in one order."""

from dataclasses import replace

from warmprefix.core.rules.base import Rule, message_rule
from warmprefix.core.types import Message, Risk, ToolCall
from warmprefix.core.wire.slices import MESSAGE_KEYS, changed

_CALL = ("id", "type", "function")
_FUNCTION = ("name", "arguments")


def _change(message: Message) -> Message:
    keys = _ordered(message.keys, MESSAGE_KEYS)
    calls = tuple(map(_change_call, message.tool_calls))
    same = all(a is b for a, b in zip(calls, message.tool_calls, strict=True))
    if keys == message.keys and same:
        return message
    return changed(message, keys=keys, tool_calls=calls)


def _change_call(call: ToolCall) -> ToolCall:
    keys = _ordered(call.keys, _CALL)
    inner = _ordered(call.function_keys, _FUNCTION)
    if keys == call.keys and inner == call.function_keys:
        return call
    return replace(call, keys=keys, function_keys=inner)


def _ordered(keys: tuple[str, ...], first: tuple[str, ...]) -> tuple[str, ...]:
    """`keys` with those of `first` in front, in its order; the others behind, in theirs."""
    known = tuple(key for key in first if key in keys)
    if keys[: len(known)] == known:
        return keys
    return (*known, *(key for key in keys if key not in first))


RULE: Rule = message_rule(
    "key-order",
    Risk.LOSSLESS,
    _change,
    why="JSON objects have no order, but backends with raw templates print the one they get.",
    source="llama.cpp common/json.h:24 keeps insertion order",
)
