"""A replayed session as GitHub Actions shows it: workflow commands for annotations, and a summary. Pure.

Source: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from collections.abc import Iterator, Sequence

from warmprefix.capture.replay import Step
from warmprefix.cli.replay_text import total_line
from warmprefix.cli.replay_verdict import Figures, is_left, lost_and_kept
from warmprefix.core.plural import plural

MOST = 10
"""GitHub shows ten annotations of a kind for a step."""


def annotations(steps: Sequence[Step], misses: Sequence[str]) -> Iterator[str]:
    """An error for each demand that is not met, a warning for each break, the total as a notice."""
    yield from (command("error", "warmprefix: demand not met", line) for line in misses)
    broken = [step for step in steps if is_left(step)]
    for step in broken[:MOST]:
        yield command("warning", f"warmprefix: {_cause(step)}", _described(step))
    if len(broken) > MOST:
        yield f"{plural(len(broken) - MOST, 'more break')}"
    yield command("notice", "warmprefix", total_line(steps))


def summary(steps: Sequence[Step], figures: Figures, misses: Sequence[str]) -> str:
    """The figures as Markdown."""
    rows = sorted(figures.causes.items(), key=lambda pair: -pair[1].lost_tokens)
    lines = [
        "### warmprefix replay",
        "",
        *(f"- **{line}**" for line in misses),
        total_line(steps),
        "",
    ]
    if rows:
        lines += [
            "| cause | turns | break still | tokens lost | of these kept |",
            "|---|--:|--:|--:|--:|",
        ]
    lines += [
        f"| {name} | {one.turns:,} | {one.turns_left:,} | {one.lost_tokens:,} | {one.kept_tokens:,} |"
        for name, one in rows
    ]
    return "\n".join(lines) + "\n"


def command(kind: str, title: str, text: str) -> str:
    """A workflow command; what ends a line or a property is escaped."""
    title = _escaped(title).replace(":", "%3A").replace(",", "%2C")
    return f"::{kind} title={title}::{_escaped(text)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _cause(step: Step) -> str:
    return step.turn.cache_break.cause if step.turn.cache_break else ""


def _described(step: Step) -> str:
    found = step.turn.cache_break
    assert found is not None
    lost, kept = lost_and_kept(step)
    cost = f"; {plural(lost - kept, 'token')} read again" if lost > kept else ""
    return f"turn {step.turn.id}: {found.path}{cost}. {found.hint.text}"
