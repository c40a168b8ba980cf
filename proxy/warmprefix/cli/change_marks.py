"""Marks where two excerpts differ: by colour, or as `[-old-]` and `{+new+}`."""

import re
from difflib import SequenceMatcher

from rich.text import Text

from warmprefix.cli.tail_line import plain
from warmprefix.core.explain.prefix import shared_characters

_SAME_AGAIN = 6
"""Characters that must agree for two texts to be the same again; fewer agree by chance."""

_WORD = re.compile(r"[\w:./-]*\w")
"""The longest beginning that is one word; in a reversed text, the longest end."""

_SHOWN = str.maketrans({"\n": "⏎", "\r": "␍", "\t": "⇥"})
_CUT = "…"


def marked(
    before: str | None, after: str | None, *, coloured: bool
) -> tuple[Text | None, Text | None]:
    """Each text on one line, with the change marked; None if a text is missing."""
    old, new = before or "", after or ""
    start, old_end, new_end = change(old, new)
    return (
        None if before is None else _line(old, start, old_end, "red", "[--]", coloured),
        None if after is None else _line(new, start, new_end, "green", "{++}", coloured),
    )


def change(old: str, new: str) -> tuple[int, int, int]:
    """Where the change begins in both, and where it ends in each; whole words, one change.

    The texts are excerpts around the beginning of the change, so their ends need not agree.
    """
    start = shared_characters(old, new)
    old_end, new_end = _ends(old, new, start)
    if _in_word(old[:old_end], start) or _in_word(new[:new_end], start):
        start -= _length(_WORD.match(old[:start][::-1]))
    changed = (old[start:old_end], new[start:new_end])
    if any(_in_word(text, len(text) - 1) for text in changed):
        rest = old[old_end:][: shared_characters(old[old_end:], new[new_end:])]
        more = _length(_WORD.match(rest))
        old_end, new_end = old_end + more, new_end + more
    return start, old_end, new_end


def _ends(old: str, new: str, start: int) -> tuple[int, int]:
    """Where the texts are the same again; their ends if they never are."""
    old_rest, new_rest = old[start:].removesuffix(_CUT), new[start:].removesuffix(_CUT)
    matcher = SequenceMatcher(None, old_rest, new_rest, autojunk=False)
    same = matcher.find_longest_match()
    to_the_end = same.a + same.size == len(old_rest) and same.b + same.size == len(new_rest)
    if same.size >= _SAME_AGAIN or (same.size and to_the_end):
        return start + same.a, start + same.b
    return start + len(old_rest), start + len(new_rest)


def _in_word(text: str, at: int) -> bool:
    return at >= 0 and text[at : at + 1].isalnum()


def _length(found: "re.Match[str] | None") -> int:
    return len(found[0]) if found else 0


def _line(text: str, start: int, end: int, style: str, marks: str, coloured: bool) -> Text:
    parts = [plain(part.translate(_SHOWN)) for part in (text[:start], text[start:end], text[end:])]
    if not coloured and parts[1]:
        parts[1] = marks[:2] + parts[1] + marks[2:]
    line = Text(parts[0], style)
    line.append(parts[1], f"bold reverse {style}")
    line.append(parts[2], style)
    return line
