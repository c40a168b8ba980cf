"""A name for a conversation: the first words that its user wrote."""

import re
from collections.abc import Iterator

from warmprefix.core.types import Prompt, TextPart

_LONGEST = 80
_LOOKED_AT = 4000  # characters: the first words are near the beginning of a text, or in another one
_MARKED = re.compile(
    r"^[ \t]*<([\w-]{1,40})\b[^<>\n]{0,200}>.*?(?:</\1>|\Z)", re.DOTALL | re.MULTILINE
)
"""A block in marks: what a client says of itself, such as the environment or a reminder."""


def title_of(prompt: Prompt) -> str | None:
    """The first words of the first text that its user wrote; None if there is none, or the prompt is plain.

    Blocks in marks are left out, and a text under a heading is taken only if there is no other: so Codex sends
    the instructions of a folder (docs/clients.md).
    """
    headed = None
    for text in _texts(prompt):
        if text and not text.startswith("#"):
            return _cut(text)
        headed = headed or text
    return _cut(headed) if headed else None


def _texts(prompt: Prompt) -> Iterator[str]:
    for message in prompt.messages:
        if message.logical_role == "user":
            for part in message.parts:
                if isinstance(part, TextPart):
                    yield " ".join(_MARKED.sub(" ", part.text[:_LOOKED_AT]).split())


def _cut(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    head = text[:_LONGEST].rpartition(" ")[0] or text[:_LONGEST]
    return f"{head}…"
