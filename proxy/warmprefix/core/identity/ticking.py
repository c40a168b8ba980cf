"""What ticked between two forms of one text: its clocks, dates, counters and ids, and nothing else.

No list of clients is needed for that: the two forms show which lines change, and the lines show whether what
changes in them is of the kind that changes by itself. A text that a user has edited must never pass for one
that ticked, so whatever is in doubt has not. Whether a clock goes forward is not asked, but of dates in prose:
a conversation may be continued at an earlier point, and time zones change.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from warmprefix.core.identity.blocks import place_in
from warmprefix.core.identity.evidence import Place, ticks
from warmprefix.core.identity.git_status import are_status_lines
from warmprefix.core.identity.line_changes import Change, line_changes
from warmprefix.core.identity.volatile import Pattern, mask

_MAX_LINES = 64
_MAX_MARKED = 64 * 1024  # characters in which patterns are looked for
_ABOVE = 4096  # characters above a change that a pattern may begin in
_HEADER = 100
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Ticked:
    """`cause`: the kind of text that ticked first, as the causes of a break are called: "clock", "date",
    "counter" or "id". `now`: the lines of the new text that differ, without their edges."""

    cause: str
    now: tuple[str, ...]


def ticked(
    before: str, after: str, *, is_user: bool, patterns: Sequence[Pattern] = ()
) -> Ticked | None:
    """What ticked between two forms of one text; None if they differ in anything else, or not at all.

    `is_user`: the text is of a user's turn, so only lines that a program has written count. `patterns`: text
    that is known to be volatile counts anywhere.
    """
    if before == after:
        return None
    causes: list[str] = []
    now: list[str] = []
    for change in line_changes(before, after):
        found = None if change is None else _ticked(change, after, is_user)
        if change is None or found is None or len(now) > _MAX_LINES:
            return _beside(before, after, is_user, patterns) if patterns else None
        causes += found
        now += _said(change)
    return Ticked(causes[0], tuple(now))


def ticked_again(before: str, after: str) -> Ticked | None:
    """What ticked in a text that was changed in the request before as well, each time in front of the same
    replies; None if it differs in more than digits.

    Nobody edits an old message with every request, so numbers need no other sign.
    """
    found = ticked(before, after, is_user=False)
    if found is not None or before == after or _DIGITS.sub("", before) != _DIGITS.sub("", after):
        return found
    pairs = zip(before.split("\n"), after.split("\n"), strict=True)
    return Ticked("counter", tuple(new.strip() for old, new in pairs if old != new))


def _said(change: Change) -> list[str]:
    return [line.strip() for line in change.new if line.strip()]


def _ticked(change: Change, after: str, is_user: bool) -> tuple[str, ...] | None:
    """The causes of what ticked in one change; None if anything else did."""
    place = place_in(after, change.at) if is_user else Place.SYSTEM
    above = after[max(change.at - _ABOVE, 0) : change.at].split("\n")[:-1]
    old, new = list(change.old), list(change.new)
    causes: list[str] = []
    while old and new:
        kinds = ticks(old[0], new[0], _header(above), place)
        if kinds is None:
            break
        causes += (kind if kind in ("clock", "date", "id") else "counter" for kind in kinds)
        above.append(new.pop(0))
        old.pop(0)
    if not (old or new):
        return tuple(causes)
    if place in (Place.SYSTEM, Place.BLOCK) and are_status_lines([*old, *new], above):
        return (*causes, "counter")
    return None


def _header(above: Sequence[str]) -> str:
    """The line above, if it says what the next one is: a heading, a label or a tag."""
    line = next((line.strip() for line in reversed(above[-2:]) if line.strip()), "")
    is_header = line.startswith(("#", "<")) or line.endswith((":", "：", "**"))
    return line.strip("#:：*<> ") if is_header and len(line) <= _HEADER else ""


def _beside(before: str, after: str, is_user: bool, patterns: Sequence[Pattern]) -> Ticked | None:
    """The same, without the text that the patterns know."""
    changes: list[Change] = []
    for change in line_changes(before, after):
        if change is None or len(changes) > _MAX_LINES:
            return None
        changes.append(change)
    last = changes[-1]
    start = after.rfind("\n", 0, max(changes[0].at - _ABOVE, 0)) + 1
    tail = len(after) - last.at - sum(len(line) + 1 for line in last.new)
    tail = max(tail - _ABOVE, 0)
    old, new = before[start : len(before) - tail], after[start : len(after) - tail]
    if max(len(old), len(new)) > _MAX_MARKED:
        return None
    old, new = mask(old, patterns), mask(new, patterns)
    rest = ticked(old, new, is_user=is_user)
    if rest is None and old != new:
        return None
    said = tuple(line for change in changes for line in _said(change))
    return Ticked("counter" if rest is None else rest.cause, said)
