"""What a client puts into the text of its newest turn, and takes out or writes anew later.

A pure comparison of two forms of one text. What stands around it decides whether they are compared (gap.py).
"""

from warmprefix.core.explain.prefix import shared_characters
from warmprefix.core.identity.transient import without_tagged

_LEAST_QUOTED = 24
"""So long a text is not found inside another by accident."""

_MARKS = " \t>\"'`*_“”«»"
"""What a client may put around each line of a question that it quotes."""

_CUTS = ("…", "...", "[…]", "[...]")
"""What a client puts behind the beginning of a question."""

_MOST_PLACES = 8
"""Where such a beginning is looked for in a frame."""

_LONGEST_NOTE = 2000
"""Characters: more than that is taken out of a tool's result to make room, and stays out."""


def is_rewritten(before: str, after: str, *, is_running: bool = False) -> bool:
    """Whether only what stands between tags was written anew.

    `is_running`: the model is still at work with its tools, so nobody has said anything since. Then no tags
    are needed: what begins or ends with the same line is the same text.
    """
    old, new = without_tagged(before), without_tagged(after)
    if old is not before and new is not after and old.split() == new.split():
        return True
    if not is_running:
        return False
    one, other = (text.strip().splitlines() or [""] for text in (before, after))
    return one[0].strip() == other[0].strip() or one[-1].strip() == other[-1].strip()


def is_put_in(before: str, after: str) -> bool:
    """Whether two forms of one user turn differ only by what a client puts into it while it is the newest: a
    block between tags, a frame around the question, lines in front of it or behind."""
    if before != after and before.split() == after.split():
        return False  # only the white space is another
    old, new = without_tagged(before), without_tagged(after)
    if old.split() == new.split():
        return True
    text = new.strip()
    if not text:
        return False
    return _is_quoted(text, before) or _is_rest(text, before) or _is_asked(text, before)


def is_note(around: tuple[str, str]) -> bool:
    """Whether what stood in front of a tool's result and behind it is a note of the client's: short, and a
    paragraph of its own."""
    front, behind = around
    is_apart = (not front.strip() or front.rstrip(" \t").endswith("\n\n")) and (
        not behind.strip() or behind.lstrip(" \t").startswith("\n\n")
    )
    return is_apart and 0 < len(f"{front}{behind}".strip()) <= _LONGEST_NOTE


def _is_quoted(text: str, inside: str) -> bool:
    """Whether a text is a part of another, on lines of its own or long enough not to be there by accident."""
    at = inside.find(text)
    if at < 0:
        return False
    if len(text) >= _LEAST_QUOTED:
        return True
    end = at + len(text)
    return inside[:at].rstrip(" \t")[-1:] in ("", "\n") and inside[end:].lstrip(" \t")[:1] in (
        "",
        "\n",
    )


def _is_rest(text: str, before: str) -> bool:
    """Whether a text is left of another if whole lines are taken out."""
    lines = iter([line.strip() for line in before.splitlines()])
    return all(line.strip() in lines for line in text.splitlines() if line.strip())


def _is_asked(text: str, before: str) -> bool:
    """Whether a frame repeats a question in another form: on one line, with marks in front of its lines, or
    only how it begins, with dots."""
    asked, frame = (" ".join(_words(one)) for one in (text, before))
    if len(asked) < _LEAST_QUOTED:
        return False
    if asked in frame:
        return True
    begin, at = asked[:_LEAST_QUOTED], 0
    for _ in range(_MOST_PLACES):
        at = frame.find(begin, at + 1)  # a frame begins with other words
        if at < 0:
            return False
        rest = frame[at:]
        if rest[shared_characters(asked, rest) :].lstrip().startswith(_CUTS):
            return True
    return False


def _words(text: str) -> list[str]:
    return [word for line in text.splitlines() for word in line.strip(_MARKS).split()]
