"""One finding of `warmprefix doctor`."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["good", "note", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`what` was observed, `why` it matters for the cache, `advice`: a setting, empty if there is none."""

    level: Level
    what: str
    why: str
    advice: str = ""


def good(what: str, why: str, advice: str = "") -> Finding:
    """Something that helps."""
    return Finding("good", what, why, advice)


def note(what: str, why: str, advice: str = "") -> Finding:
    """Something to know."""
    return Finding("note", what, why, advice)


def bad(what: str, why: str, advice: str = "") -> Finding:
    """Something that hurts."""
    return Finding("bad", what, why, advice)
