"""Drops an empty list of tool calls."""

from warmprefix.core.messages import changed
from warmprefix.core.rules.base import Rule, message_rule, without
from warmprefix.core.types import Message, Risk
from warmprefix.core.wire.slices import compact


def _change(message: Message) -> Message:
    name = message.shape.names.calls if message.shape is not None and message.extra else ""
    raw = message.extra.get(name)
    if raw is None or compact(raw) != b"[]":
        return message
    extra = {key: value for key, value in message.extra.items() if key != name}
    return changed(message, extra=extra, keys=without(message.keys, frozenset({name})))


RULE: Rule = message_rule(
    "empty-tool-calls",
    Risk.LOSSLESS,
    _change,
    features={"extra"},
    why="No call is no call: some clients send an empty list, some leave it out.",
    source="llama.cpp common/chat.cpp:380-462; https://github.com/NousResearch/hermes-agent/issues/58755",
)
