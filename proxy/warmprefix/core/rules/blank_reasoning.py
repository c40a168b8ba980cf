"""Drops reasoning that is nothing but blanks."""

from warmprefix.core.messages import changed
from warmprefix.core.rules.base import Rule, message_rule, without
from warmprefix.core.types import Message, Risk

_BLANKS = " \t\r\n"  # a no-break space is text, as in all rules


def _change(message: Message) -> Message:
    if message.role != "assistant":
        return message
    if message.reasoning is None or message.reasoning.strip(_BLANKS):
        return message
    assert message.shape is not None
    keys = without(message.keys, frozenset({message.shape.names.reasoning}))
    return changed(message, reasoning=None, keys=keys)


RULE: Rule = message_rule(
    "blank-reasoning",
    Risk.LOSSLESS,
    _change,
    features={"reasoning"},
    why="Some clients add blanks for some model names; empty reasoning is no reasoning.",
    source="llama.cpp common/chat.cpp:380-462; https://github.com/NousResearch/hermes-agent/issues/45655",
)
