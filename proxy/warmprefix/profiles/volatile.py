"""Text that changes by itself (clocks, dates, counters, ids), from volatile.json.

`use`: "freeze" if the opt-in rules freeze-volatile and move-volatile act on it; "detect" if it is too general
for that, but good enough to name the cause of a break.
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from warmprefix.core.explain.cache_break import Volatile


@dataclass(frozen=True, slots=True)
class VolatilePattern:
    """One kind of volatile text, with an example and where it was seen."""

    id: str
    client: str
    cause: str
    use: Literal["freeze", "detect"]
    pattern: re.Pattern[str]
    example: str
    source: str


@cache
def volatile_patterns() -> tuple[VolatilePattern, ...]:
    """All patterns, in the order of the file: special ones before general ones."""
    rows = json.loads(files("warmprefix.profiles").joinpath("volatile.json").read_text("utf-8"))
    return tuple(VolatilePattern(**{**row, "pattern": re.compile(row["pattern"])}) for row in rows)


def explained_patterns() -> tuple[Volatile, ...]:
    """All patterns, in the form that the explanation of a break needs."""
    return tuple(
        Volatile(row.pattern, row.cause, row.use == "freeze") for row in volatile_patterns()
    )


def frozen_patterns(client: str | None = None) -> tuple[re.Pattern[str], ...]:
    """The patterns that may be acted on; those of one client, or all."""
    return tuple(
        row.pattern
        for row in volatile_patterns()
        if row.use == "freeze" and (client is None or client in row.client.split(", "))
    )
