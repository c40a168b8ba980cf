"""Leaves text out that the user has named: patterns of `[[canonicalize.volatile]]` with `use = "strip"`.

It is in no list of rules, since it is made of what one user's settings say for one client.
"""

from collections.abc import Sequence
from dataclasses import replace

from warmprefix.core.identity.volatile import Pattern, cut
from warmprefix.core.messages import changed
from warmprefix.core.rules.base import Rule, message_rule
from warmprefix.core.types import Content, Message, Risk, TextPart

NAME = "strip-volatile"
_ROLES = frozenset({"system", "developer", "user"})


def strip_rule(patterns: Sequence[Pattern]) -> Rule:
    """A rule that leaves out what any of the patterns finds in system texts and user turns."""

    def change(message: Message) -> Message:
        if message.logical_role not in _ROLES:
            return message
        content = message.content
        if isinstance(content, str):
            text, spans = cut(content, patterns)
            return changed(message, content=text) if spans else message
        parts = tuple(_stripped(part, patterns) for part in content or ())
        is_same = all(old is new for old, new in zip(content or (), parts, strict=True))
        return message if is_same else changed(message, content=parts)

    return message_rule(
        NAME,
        Risk.MEANING,
        change,
        roles=_ROLES,
        why="A user has named text that the model need not read.",
        source="the user's settings",
    )


def _stripped(part: Content, patterns: Sequence[Pattern]) -> Content:
    if not isinstance(part, TextPart):
        return part
    text, spans = cut(part.text, patterns)
    return replace(part, text=text) if spans else part
