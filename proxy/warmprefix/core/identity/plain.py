"""Who a plain text is: the digest of all of it, so that a longer text is recognised by what it begins with.

A text has no messages by which its beginning could be looked up. So it is cut into pieces at places that follow
from the text before them alone: what two texts share is cut alike. Pieces grow with the text, so that a
megabyte has some hundred of them. Where an earlier prompt ended is remembered with the last cut before it.
"""

from collections.abc import Iterable, Iterator
from hashlib import blake2b

from warmprefix.core.identity.keys import DIGEST_BYTES

_LEAST = 32  # characters of the first pieces
_GROWTH = 32  # a piece is at least this part of the text before it

_LONG_LINE = 24
"""Shorter lines (a name, a mark of whose turn it is) say little of whose text they are in."""

_LINES = 256  # the last ones of a text, among which an earlier end is looked for


def cuts(text: str) -> Iterator[int]:
    """Where the whole pieces of a text end. Those of its beginning are the first of them.

    A piece ends behind a line, else behind a blank, else where it is twice as long as it must be. Behind the
    last one is what more text may still make a piece.
    """
    start = 0
    while True:
        size = max(_LEAST, start // _GROWTH)
        least, most = start + size, start + 2 * size
        end = text.find("\n", least - 1, most) + 1
        if not end and len(text) < most:
            return
        start = end or text.find(" ", least - 1, most) + 1 or most
        yield start


def keys_at(text: str, ends: Iterable[int], root: bytes) -> tuple[bytes, ...]:
    """The digest of the text up to each of `ends`, which rise."""
    state = blake2b(root, digest_size=DIGEST_BYTES)
    found, start = [], 0
    for end in ends:
        state.update(text[start:end].encode())
        found.append(state.digest())
        start = end
    return tuple(found)


def long_lines(text: str) -> tuple[str, ...]:
    """The long ones among the last whole lines of a text, in order."""
    start = len(text)
    for _ in range(_LINES + 1):
        start = text.rfind("\n", 0, start)
        if start < 0:
            break
    lines = text[start + 1 : text.rfind("\n") + 1].split("\n")
    return tuple(line for line in lines if len(line) >= _LONG_LINE)


def line_keys(text: str, root: bytes) -> tuple[bytes, ...]:
    """Digests of the long lines at its end."""
    return tuple(
        blake2b(root + line.encode(), digest_size=DIGEST_BYTES).digest()
        for line in long_lines(text)
    )
