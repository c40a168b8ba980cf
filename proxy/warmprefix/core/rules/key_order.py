"""Puts the members of a message and of a tool call in one order."""

from dataclasses import replace

from warmprefix.core.messages import changed
from warmprefix.core.rules.base import Rule, message_rule
from warmprefix.core.types import Message, Names, Risk, ToolCall


def _change(message: Message) -> Message:
    if message.shape is None:
        return message
    names = message.shape.names
    keys = _ordered(message.keys, names.message)
    calls = tuple(_change_call(call, names) for call in message.tool_calls)
    same = all(a is b for a, b in zip(calls, message.tool_calls, strict=True))
    if keys == message.keys and same:
        return message
    return changed(message, keys=keys, tool_calls=calls)


def _change_call(call: ToolCall, names: Names) -> ToolCall:
    keys = _ordered(call.keys, names.call)
    inner = _ordered(call.function_keys, names.function)
    if keys == call.keys and inner == call.function_keys:
        return call
    return replace(call, keys=keys, function_keys=inner)


def _ordered(keys: tuple[str, ...], first: tuple[str, ...]) -> tuple[str, ...]:
    """`keys` with those of `first` in front, in its order; the others follow in theirs."""
    known = tuple(key for key in first if key in keys)
    if keys[: len(known)] == known:
        return keys
    return (*known, *(key for key in keys if key not in first))


RULE: Rule = message_rule(
    "key-order",
    Risk.LOSSLESS,
    _change,
    why="JSON objects have no order, but backends with raw templates print the order they get.",
    source="llama.cpp common/json.h:24 keeps insertion order",
)
