"""`python -m bench causes`: what is said of random damage to conversations, compared with what is true."""

import argparse
from collections import Counter
from collections.abc import Sequence

from bench.causes.hints import report
from bench.causes.kinds import DESCRIBE, FREEZE, KINDS, RESTORE, Kind
from bench.causes.play import NOTHING_SET, Setup, Turn, played

HELP = "what is said of random damage to conversations, compared with what is true"
_EDGES = 24
"""Tokens of the marks around a message, which stand in no text of the client."""

_SHARE = 1.1


def command(arguments: Sequence[str]) -> int:
    """Play and print; 1 if a cause was wrong, with `--cured` if a request read more than its new text, with
    `--apply-hints` if a hint did not hold what it promised."""
    parser = argparse.ArgumentParser(prog="python -m bench causes", description=HELP)
    parser.add_argument("--seed", type=int, default=1, help="of the first conversation")
    parser.add_argument("--plans", type=int, default=1, help="conversations of each kind")
    parser.add_argument("--kind", action="append", default=[], help="a part of its name")
    parser.add_argument("--cured", action="store_true", help="with the rules that cure")
    parser.add_argument(
        "--apply-hints", action="store_true", help="once more with what the hints say"
    )
    options = parser.parse_args(arguments)
    kinds = [
        kind for kind in KINDS if not options.kind or any(one in kind.name for one in options.kind)
    ]
    plans = [(kind, options.seed + number) for kind in kinds for number in range(options.plans)]
    setup = Setup(enable=(FREEZE, RESTORE, DESCRIBE)) if options.cured else NOTHING_SET
    turns = played(plans, setup)
    if options.apply_hints:
        return report(turns)
    wrong = 0
    for kind in kinds:
        wrong += _report(kind, turns, is_cured=options.cured)
    print(f"{len(turns):,} requests, {wrong} of them wrong")
    return 1 if wrong else 0


def _report(kind: Kind, turns: Sequence[Turn], *, is_cured: bool) -> int:
    own = [turn for turn in turns if turn.kind is kind]
    bad = [turn for turn in own if (is_dear if is_cured else is_wrong)(turn)]
    causes = Counter(cause_of(turn) for turn in own)
    said = ", ".join(f"{cause or 'no break'} {count}" for cause, count in causes.items())
    print(f"{'WRONG' if bad else 'right'} {kind.name:<34} {said}", flush=True)
    for turn in bad:
        print(
            f"      seed {turn.seed}, request {turn.number}: {turn.line['kind']}, {cause_of(turn)}; "
            f"{turn.processed_tokens} read, {turn.own_tokens} new; {turn.line['break']}"
        )
    return len(bad)


def cause_of(turn: Turn) -> str | None:
    """The cause of its break; None if it has none."""
    found = turn.line["break"]
    return None if found is None else str(found["cause"])


def is_wrong(turn: Turn) -> bool:
    """Whether what is said of a request is not true: no conversation of its own, no housekeeping, a cause that
    is one of its kind's, a break only if there was one, and one if more was read than is new."""
    if turn.beside or turn.line["kind"] == "side":
        return bool(turn.line["kind"] != turn.beside)
    is_new = turn.line["kind"] == "cold"
    if is_new or turn.number == 0:
        return not (is_new and turn.number == 0)
    cause = cause_of(turn)
    if cause is not None:
        return cause not in turn.kind.causes or not turn.is_broken
    return bool(turn.kind.causes) and turn.is_broken and turn.processed_tokens > _allowed(turn)


def is_dear(turn: Turn) -> bool:
    """Whether a request of a kind that can be cured read more than its new text."""
    may_be = turn.kind.causes and not turn.kind.cures
    return (
        not may_be
        and not turn.beside
        and turn.number > 0
        and turn.processed_tokens > _allowed(turn)
    )


def _allowed(turn: Turn) -> float:
    return _SHARE * turn.own_tokens + _EDGES
