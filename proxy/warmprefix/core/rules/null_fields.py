"""Drops message members that are null."""

from warmprefix.core.messages import changed
from warmprefix.core.rules.base import Rule, message_rule, without
from warmprefix.core.types import Message, Risk

_NULL = b"null"


def _change(message: Message) -> Message:
    nulls = frozenset(key for key, raw in message.extra.items() if raw == _NULL)
    if message.shape is not None:
        nulls -= {message.shape.names.content}  # that is for the rule `empty-content`
    if not nulls:
        return message
    extra = {key: raw for key, raw in message.extra.items() if key not in nulls}
    return changed(message, extra=extra, keys=without(message.keys, nulls))


RULE: Rule = message_rule(
    "null-fields",
    Risk.LOSSLESS,
    _change,
    features={"extra"},
    why="A null member says nothing, and llama-server answers 500 to a null name, reasoning_content "
    "or tool_call_id.",
    source="llama.cpp common/chat.cpp:373-470 (type must be string, but is null)",
)
