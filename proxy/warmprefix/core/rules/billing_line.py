"""Drops Claude Code's billing line, and the blank lines behind it, from the top of the first system text."""

import re

from warmprefix.core.messages import changed
from warmprefix.core.rules.base import Rule, with_messages
from warmprefix.core.types import Message, Prompt, Risk

_LINE = re.compile(r"(?:\s*x-anthropic-billing-header:[^\n]*?(?=You are |\n|\Z))+")
_BLANK = " \t\r\n"


def _apply(prompt: Prompt) -> Prompt:
    if not prompt.messages:
        return prompt
    return with_messages(prompt, (_change(prompt.messages[0]), *prompt.messages[1:]))


def _change(message: Message) -> Message:
    content = message.content
    if message.role not in ("system", "developer") or not isinstance(content, str):
        return message
    found = _LINE.match(content)
    return (
        message
        if found is None
        else changed(message, content=content[found.end() :].lstrip(_BLANK))
    )


RULE: Rule = Rule(
    "billing-line",
    Risk.NEUTRAL,
    _apply,
    why="The first line of Claude Code's system text carries a checksum that differs between "
    "sessions and requests; everything behind it is read again. It tells the model nothing.",
    source="captured with Claude Code 2.1.197; https://github.com/ggml-org/llama.cpp/pull/21793",
)
