"""The date in a rendering. What templates do is asked of a real llama-server: tests/real/test_doctor.py."""

from datetime import date

import pytest

from warmprefix.backends.template_probes import clock_in
from warmprefix.core.doctor.facts import Clock

TODAY = date(2026, 3, 5)

ROWS: list[tuple[str, str | None, Clock | None]] = [
    ("nothing-rendered", None, None),
    ("empty", "", None),
    ("none", "You are helpful. Knowledge Cutoff: 2024-06", "none"),
    ("iso", "Current date: 2026-03-05", "date"),
    ("llama-3.2", "Today Date: 05 Mar 2026", "date"),
    ("without-a-zero", "Today Date: 5 March 2026", "date"),
    ("in-words", "Today is March 05, 2026.", "date"),
    ("american", "03/05/2026", "date"),
    ("another-time-zone-behind", "2026-03-04", "date"),
    ("another-time-zone-ahead", "2026-03-06", "date"),
    ("a-date-that-stands-still", "Today Date: 26 Jul 2024", "none"),
    ("time", "2026-03-05 09:41", "time"),
    ("time-alone", "It is 9:41:07 now", "time"),
    ("no-time", "ratio 1:100, 25:61", "none"),
]


@pytest.mark.parametrize(("text", "clock"), [r[1:] for r in ROWS], ids=[r[0] for r in ROWS])
def test_a_clock_is_told_from_other_text(text: str | None, clock: Clock | None) -> None:
    assert clock_in((text, None), TODAY) == clock


def test_a_clock_in_any_rendering_counts() -> None:
    """Some templates print the date only where tools are offered."""
    assert clock_in(("none here", "Today Date: 05 Mar 2026"), TODAY) == "date"
