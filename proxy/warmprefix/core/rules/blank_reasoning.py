"""Drops reasoning_content that holds nothing but blanks."""

from warmprefix.core.rules.base import Rule, message_rule, without
from warmprefix.core.types import Message, Risk
from warmprefix.core.wire.slices import changed

_BLANKS = " \t\r\n"  # a no-break space is text, as everywhere


def _change(message: Message) -> Message:
    if message.role != "assistant":
        return message
    if message.reasoning is None or message.reasoning.strip(_BLANKS):
        return message
    keys = without(message.keys, frozenset({"reasoning_content"}))
    return changed(message, reasoning=None, keys=keys)


RULE: Rule = message_rule(
    "blank-reasoning",
    Risk.LOSSLESS,
    _change,
    why="A pad that some clients add for some model names; empty reasoning is no reasoning.",
    source="llama.cpp common/chat.cpp:380-462; https://github.com/NousResearch/hermes-agent/issues/45655",
)
