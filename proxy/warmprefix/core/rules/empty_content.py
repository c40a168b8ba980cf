"""Writes null, missing and empty content alike: as the empty string."""

from warmprefix.core.messages import changed
from warmprefix.core.rules.base import Rule, message_rule
from warmprefix.core.types import Message, Names, Risk


def _change(message: Message) -> Message:
    if message.shape is None:
        return message
    name = message.shape.names.content
    is_null = message.extra.get(name) == b"null"
    is_missing = message.role == "assistant" and name not in message.keys
    if not is_null and not (is_missing and message.content is None):
        return message
    extra = {key: raw for key, raw in message.extra.items() if key != name}
    keys = message.keys if is_null else _with_content(message.keys, message.shape.names)
    return changed(message, content="", extra=extra, keys=keys)


def _with_content(keys: tuple[str, ...], names: Names) -> tuple[str, ...]:
    at = keys.index(names.role) + 1 if names.role in keys else 0
    return (*keys[:at], names.content, *keys[at:])


RULE: Rule = message_rule(
    "empty-content",
    Risk.LOSSLESS,
    _change,
    features={"nothing", "extra"},
    why="A turn that only calls tools has content null, missing or empty, depending on who wrote it.",
    source="llama.cpp common/chat.cpp:1292; renders the same in 29 of 29 templates",
)
