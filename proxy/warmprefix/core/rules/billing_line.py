"""Drops Claude Code's billing line, and the blank lines behind it, from the top of the first system text."""

import re
from dataclasses import replace

from warmprefix.core.messages import changed, mark_only_text
from warmprefix.core.rules.base import Rule, with_messages
from warmprefix.core.types import Message, Part, Prompt, Risk, TextPart

_LINE = re.compile(r"(?:\s*x-anthropic-billing-header:[^\n]*?(?=You are |\n|\Z))+")
_BLANK = " \t\r\n"


def _apply(prompt: Prompt) -> Prompt:
    if not prompt.messages:
        return prompt
    first = _change(prompt.messages[0])
    if first is prompt.messages[0]:
        return prompt
    return with_messages(prompt, (first, *prompt.messages[1:]))


def _change(message: Message) -> Message:
    if message.role not in ("system", "developer"):
        return message
    at = next((i for i, part in enumerate(message.parts) if isinstance(part, TextPart)), None)
    if at is None:
        return message
    first, before, others = message.parts[at], message.parts[:at], message.parts[at + 1 :]
    assert isinstance(first, TextPart)
    found = _LINE.match(first.text)
    if found is None or not (first.is_bare or message.is_outside):
        return message
    rest = first.text[found.end() :].lstrip(_BLANK)
    if rest or not others:
        return changed(message, parts=(*before, replace(first, text=rest), *others))
    left = mark_only_text((*before, *others))  # it was a block of its own
    return _change(changed(message, parts=tuple(map(_alone, left))))


def _alone(part: Part) -> Part:
    """A text that is all that is shown, as the rules for that would write it: they have run before."""
    if not isinstance(part, TextPart) or not part.is_bare:
        return part
    return replace(part, text=part.text.strip(_BLANK))


RULE: Rule = Rule(
    "billing-line",
    Risk.NEUTRAL,
    _apply,
    why="The first line of Claude Code's system text carries a checksum that differs between "
    "sessions and requests; everything behind it is read again. It tells the model nothing.",
    source="captured with Claude Code 2.1.197; https://github.com/ggml-org/llama.cpp/pull/21793",
)
