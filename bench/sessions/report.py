"""Rows as a table for people and as JSON for programs, and the places where two prompts differ."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from bench.sessions.client import MAIN, SIDE
from bench.sessions.measure import Row, Run
from bench.sessions.noises import GOALS
from bench.sessions.script import Json

_AROUND = 60  # characters shown on each side of the point at which two prompts differ
HEADINGS = (
    "script",
    "template",
    "endpoint",
    "noise",
    "class",
    "clean",
    "noisy",
    "x",
    "through",
    "x",
    "goal",
    "",
    "never worse",
    "side",
)
_LEFT = {0, 1, 2, 3, 4, 11, 12}


def cells(row: Row) -> tuple[str, ...]:
    """A row of the table."""
    return (
        row.script,
        row.family,
        row.noise.endpoint,
        row.noise.name,
        row.noise.risk,
        f"{row.clean.processed(MAIN):,}",
        f"{row.noisy.processed(MAIN):,}",
        f"{row.noisy_ratio:.2f}",
        f"{row.through.processed(MAIN):,}",
        f"{row.ratio:.3f}",
        *_goal(row),
        "holds"
        if row.is_never_worse
        else f"BROKEN ({row.default.processed() - row.noisy.processed():+,})",
        f"{side:,}" if (side := row.through.processed(SIDE)) else "",
    )


def _goal(row: Row) -> tuple[str, str]:
    goal = GOALS.get(row.noise.risk)
    if goal is None:
        return "", ""
    return f"{goal:.2f}", "met" if row.meets_goal else "MISSED"


class Table:
    """Aligned lines, one at a time: a row is shown as soon as it is measured."""

    def __init__(self, widest: Iterable[tuple[str, ...]]) -> None:
        self._widths = [max(map(len, column)) for column in zip(HEADINGS, *widest, strict=True)]

    def line(self, texts: Sequence[str]) -> str:
        """One line."""
        pairs = zip(texts, self._widths, strict=True)
        padded = (
            text.ljust(width) if at in _LEFT else text.rjust(width)
            for at, (text, width) in enumerate(pairs)
        )
        return "  ".join(padded).rstrip()


def as_json(row: Row) -> Json:
    """A row with the counts of every request."""
    return {
        "script": row.script,
        "template": row.family,
        "endpoint": row.noise.endpoint,
        "noise": row.noise.name,
        "class": row.noise.risk,
        "source": row.noise.source,
        "enable": list(row.noise.enable),
        "slots": row.noise.slots,
        "goal": GOALS.get(row.noise.risk),
        "ratio": round(row.ratio, 4),
        "noisy_ratio": round(row.noisy_ratio, 4),
        "meets_goal": row.meets_goal,
        "is_never_worse": row.is_never_worse,
        **{name: _counts(getattr(row, name)) for name in ("clean", "noisy", "through", "default")},
    }


def _counts(run: Run) -> list[Json]:
    return [
        {
            "request": count.label,
            "cached_tokens": count.cached_tokens,
            "processed_tokens": count.processed_tokens,
        }
        for count in run.counts
    ]


def partings(run: Run, limit: int = 3) -> list[str]:
    """The first points at which a prompt of the conversation stops matching the one before it, as lines."""
    counts = [count for count in run.counts if count.label == MAIN]
    lines: list[str] = []
    for number, (before, after) in enumerate(pairwise(counts), 2):
        at = _parting(before.prompt, after.prompt)
        if at < len(before.prompt) and len(lines) < 3 * limit:
            lines += (
                f"  request {number}: character {at:,} of {len(before.prompt):,}, "
                f"{after.processed_tokens:,} tokens processed",
                f"    before {_excerpt(before.prompt, at)}",
                f"    after  {_excerpt(after.prompt, at)}",
            )
    return lines


def _parting(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _excerpt(text: str, at: int) -> str:
    return f"{text[max(0, at - _AROUND) : at]!r} | {text[at : at + _AROUND]!r}"
