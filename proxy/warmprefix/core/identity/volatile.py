"""Volatile spans of a text: masked to recognise the text, or cut out to be said elsewhere."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

_MASK = "\0"  # does not occur in a chat message's text by accident


class Pattern(Protocol):
    """A regular expression of whatever engine. The first element of a match is its text."""

    def sub(self, repl: str, string: str, /) -> str:
        """The text with something else in the place of every match."""

    def finditer(self, string: str, /) -> Iterable[Any]:
        """The matches in order."""


def mask(text: str, patterns: Sequence[Pattern]) -> str:
    """`text` with every volatile span replaced, so that it looks the same at any moment."""
    for pattern in patterns:
        text = pattern.sub(_MASK, text)
    return text


def cut(text: str, patterns: Sequence[Pattern]) -> tuple[str, tuple[str, ...]]:
    """`text` without its volatile spans, and the spans in the order of the patterns.

    A line that has nothing else in it goes with its span.
    """
    spans: list[str] = []
    for pattern in patterns:
        spans += (found[0] for found in pattern.finditer(text))
        text = pattern.sub(_MASK, text)
    if not spans:
        return text, ()
    lines = (line.replace(_MASK, "") for line in text.split("\n") if line.strip() != _MASK)
    return "\n".join(lines), tuple(spans)
