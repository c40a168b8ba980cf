"""Drops marks on text parts, such as cache_control."""

from dataclasses import replace

from warmprefix.core.messages import changed
from warmprefix.core.rules.base import Rule, message_rule
from warmprefix.core.types import EMPTY, Content, Message, Risk, TextPart


def _change(message: Message) -> Message:
    content = message.content
    if not isinstance(content, tuple) or not any(map(_marked, content)):
        return message
    return changed(message, content=tuple(map(_plain, content)))


def _marked(part: Content) -> bool:
    return isinstance(part, TextPart) and bool(part.extra)


def _plain(part: Content) -> Content:
    return replace(part, extra=EMPTY) if isinstance(part, TextPart) and part.extra else part


RULE: Rule = message_rule(
    "part-marks",
    Risk.LOSSLESS,
    _change,
    why="A caching hint for another API moves to another part with every request and says nothing "
    "to the model.",
    source="llama.cpp common/chat.cpp:390-420 reads type and text only; captured with Claude Code "
    "2.1.197 and hermes-agent 0.19.0 (agent/prompt_caching.py:84)",
)
