"""Drops marks on parts, such as hints for a prompt cache."""

from collections.abc import Mapping
from dataclasses import replace

from warmprefix.core.messages import changed
from warmprefix.core.rules.base import Rule, message_rule
from warmprefix.core.types import (
    EMPTY,
    CallPart,
    Content,
    Message,
    Part,
    RawJson,
    ResultPart,
    Risk,
    TextPart,
)


def _change(message: Message) -> Message:
    mark = "" if message.shape is None else message.shape.names.mark
    parts = tuple([_plain(part, mark) for part in message.parts])
    if all(new is old for new, old in zip(parts, message.parts, strict=True)):
        return message
    return changed(message, parts=parts)


def _plain(part: Part, mark: str) -> Part:
    match part:
        case TextPart() if part.extra:
            return replace(part, extra=EMPTY)
        case ResultPart():
            if mark not in part.extra and not any(map(_is_marked, part.parts)):
                return part
            shown = tuple(map(_unmarked, part.parts))
            return replace(part, parts=shown, extra=_without(part.extra, mark), raw=None)
        case CallPart() if mark in part.call.extra:
            return CallPart(replace(part.call, extra=_without(part.call.extra, mark)))
        case _:
            return part


def _unmarked(part: Content) -> Content:
    return replace(part, extra=EMPTY) if isinstance(part, TextPart) else part


def _is_marked(part: Content) -> bool:
    return isinstance(part, TextPart) and bool(part.extra)


def _without(extra: Mapping[str, RawJson], mark: str) -> Mapping[str, RawJson]:
    return {name: raw for name, raw in extra.items() if name != mark}


RULE: Rule = message_rule(
    "part-marks",
    Risk.LOSSLESS,
    _change,
    features={"marks"},
    why="A caching hint for another API moves to another part with every request and says nothing "
    "to the model.",
    source="llama.cpp common/chat.cpp:390-420 reads type and text only; captured with Claude Code "
    "2.1.197 and hermes-agent 0.19.0 (agent/prompt_caching.py:84)",
)
