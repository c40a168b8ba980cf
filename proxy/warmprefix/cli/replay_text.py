"""A replayed session in words or as JSON lines. Pure: steps in, lines out."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from rich.text import Text

from warmprefix.capture.replay import Step, Without
from warmprefix.cli.explain_text import advice, below, saved
from warmprefix.cli.replay_verdict import figures_of
from warmprefix.cli.tail_line import render_line
from warmprefix.core.explain.saving import Reach
from warmprefix.core.plural import plural
from warmprefix.log.record import record_of
from warmprefix.pipeline.observe import Savings


def text_lines(
    steps: Sequence[Step], rows: Sequence[Without] | None, *, coloured: bool
) -> Iterator[Text]:
    """Each turn, the total, and the table of rules if there is one."""
    for step in steps:
        record = record_of(step.turn, excerpts=True)
        yield render_line(record)
        to_do = None if saved(record) else advice(record)
        yield from below(record, coloured=coloured, advice=to_do)
        yield from reach_lines(step)
    yield Text()
    yield Text(total_line(steps), "bold")
    if rows is not None:
        yield from table(rows)


def reach_lines(step: Step) -> Iterator[Text]:
    """How much of the prompt before this one continues, and how much it would with the proxy."""
    if step.written is None or step.compared is None:
        yield Text("    not understood: it goes to the backend unchanged", "dim")
        return
    if step.before is None:
        return
    direct, through = step.compared.direct, step.compared.through
    yield Text(f"    as sent  {reach(direct)}", "dim")
    line = Text(f"    through  {reach(through)}", "green" if through.left < direct.left else "dim")
    saving = step.turn.would_save
    if saving is not None and saving.tokens:
        line.append(f"  saves about {plural(saving.tokens, 'token')}", "bold green")
    yield line
    acted = [*step.written.rules, *(f"restored {name}" for name in step.written.restored)]
    if acted:
        yield Text(f"    by       {', '.join(acted)}", "dim")


def reach(found: Reach) -> str:
    """`12 messages the same, 9,300 of 9,400 characters`."""
    messages = plural(found.messages, "message")
    return f"{messages} the same, {found.characters:,} of {plural(found.total, 'character')}"


def total_line(steps: Sequence[Step]) -> str:
    """Sums over all turns."""
    savings = Savings()
    left_direct = left_through = 0
    for step in steps:
        savings.add(step.turn)
        if step.compared is not None:
            left_direct += step.compared.direct.left
            left_through += step.compared.through.left
    line = (
        f"{plural(savings.turns, 'turn')}: {plural(left_direct, 'character')} to evaluate as sent"
    )
    line += f", {left_through:,} through the proxy"
    if not savings.processed_tokens:
        return line
    processed, saved = f"{savings.processed_tokens:,}", f"{savings.saved_tokens:,}"
    if not all(step.captured.as_received for step in steps):
        totals = (
            f"{processed} tokens processed with the proxy at work, about {saved} saved (estimated)"
        )
        return f"{line}; {totals}"
    share = savings.saved_tokens / savings.processed_tokens
    return f"{line}; of {processed} processed tokens about {saved} ({share:.1%}, estimated) would be saved"


def table(rows: Sequence[Without]) -> Iterator[Text]:
    """What each rule does alone."""
    yield Text()
    if not rows:
        yield Text("no rule acted, nothing was restored")
        return
    yield Text(
        "switched off alone       more characters   more tokens (estimated)   in turns", "dim"
    )
    for row in rows:
        tokens = "–" if row.tokens is None else f"{row.tokens:,}"
        yield Text(f"{row.name:<24} {row.characters:>15,} {tokens:>25} {row.turns:>10,}")


def _reach_record(of: Reach) -> dict[str, int]:
    return {"messages": of.messages, "characters": of.characters, "total": of.total}


def json_lines(steps: Sequence[Step], rows: Sequence[Without] | None) -> Iterator[str]:
    """One object for each turn, then one for the total."""
    savings = Savings()
    for step in steps:
        savings.add(step.turn)
        record = {**record_of(step.turn, excerpts=True), "proxy_ms": None}  # nothing was measured
        compared = step.compared
        record["direct"] = None if compared is None else _reach_record(compared.direct)
        record["through"] = None if compared is None else _reach_record(compared.through)
        yield json.dumps(record)
    figures = figures_of(steps)
    total: dict[str, object] = {
        "turns": savings.turns,
        "processed_tokens": savings.processed_tokens,
        "saved_tokens": savings.saved_tokens,
        "estimated": True,
        "reuse": None if figures.reuse is None else round(figures.reuse, 4),
        "breaks": figures.breaks,
        "lost_tokens": figures.lost_tokens,
        "causes": {name: asdict(cause) for name, cause in figures.causes.items()},
    }
    if rows is not None:
        total["without"] = [asdict(row) for row in rows]
    yield json.dumps({"total": total})
