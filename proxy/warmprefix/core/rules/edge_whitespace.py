"""Strips white space at both ends of system and assistant text."""

from warmprefix.core.messages import changed
from warmprefix.core.rules.base import Rule, message_rule
from warmprefix.core.types import Message, Risk

_ROLES = frozenset({"system", "developer", "assistant"})
_EDGES = " \t\r\n"  # no-break space and other Unicode blanks are content


def _change(message: Message) -> Message:
    content = message.content
    if message.logical_role not in _ROLES or not isinstance(content, str):
        return message
    text = content.strip(_EDGES)
    return message if text == content else changed(message, content=text)


RULE: Rule = message_rule(
    "edge-whitespace",
    Risk.NEUTRAL,
    _change,
    roles=_ROLES,
    why="Session stores strip the edges of a reply that the live turn kept; 21 of 31 templates print "
    "them.",
    source="https://github.com/NousResearch/hermes-agent/pull/7988",
)
