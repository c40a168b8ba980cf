"""What the hints for random damage say, applied as they say it: what they promised, and what they saved."""

import shlex
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from bench.causes.conversation import Json
from bench.causes.play import Plan, Setup, Turn, played

SHARE = 0.05
"""How far from the promise the tokens may be that are read with the hints applied, as a share of them."""


@dataclass(frozen=True, slots=True)
class Cure:
    """A conversation whose hints were applied. `before`, `after`: tokens read without and with what they say;
    `promised`: the sum of what they said they would save; `again`: those that are given again."""

    plan: Plan
    setup: Setup
    before: int
    promised: int
    after: int
    again: tuple[str, ...]

    @property
    def expected(self) -> int:
        """Tokens that are left to read if the hints hold what they promised."""
        return self.before - self.promised

    @property
    def holds(self) -> bool:
        """Whether as much was saved as was promised, or more, and nothing is advised that is set already."""
        return self.after <= (1 + SHARE) * self.expected and not self.again

    @property
    def is_more(self) -> bool:
        """Whether more was saved than was promised: what is kept of one turn keeps later ones, too."""
        return self.after < (1 - SHARE) * self.expected


def by_plan(turns: Sequence[Turn]) -> dict[Plan, list[Turn]]:
    """The turns of each conversation."""
    found: defaultdict[Plan, list[Turn]] = defaultdict(list)
    for turn in turns:
        found[turn.kind, turn.seed].append(turn)
    return found


def hints_of(turns: Sequence[Turn]) -> list[Json]:
    """The hints for their breaks that can be applied here, in order."""
    hints = [turn.line["break"]["hint"] for turn in turns if turn.line["break"] is not None]
    return [hint for hint in hints if hint["where"] in ("setting", "backend")]


def said(hint: Json) -> str:
    """What a hint says is to be done."""
    return str(hint["command"] or hint["paste"])


def setup_of(hints: Sequence[Json]) -> Setup:
    """What is set if all of them are followed."""
    flags = (hint["paste"] for hint in hints if hint["where"] == "backend")
    return Setup(
        commands=tuple(dict.fromkeys(hint["command"] for hint in hints if hint["command"])),
        flags=tuple(word for flag in dict.fromkeys(flags) for word in shlex.split(flag)),
    )


def cures(turns: Sequence[Turn]) -> list[Cure]:
    """Each conversation that got hints that can be applied, played once more with them."""
    before = by_plan(turns)
    told = {plan: hints for plan, own in before.items() if (hints := hints_of(own))}
    alike: defaultdict[Setup, list[Plan]] = defaultdict(list)
    for plan, hints in told.items():
        alike[setup_of(hints)].append(plan)
    after = by_plan([turn for setup, plans in alike.items() for turn in played(plans, setup)])
    return [
        Cure(
            plan,
            setup_of(hints),
            _read(before[plan]),
            sum(hint["saves_tokens"] for hint in hints),
            _read(after[plan]),
            tuple({*map(said, hints)} & {*map(said, hints_of(after[plan]))}),
        )
        for plan, hints in told.items()
    ]


def report(turns: Sequence[Turn]) -> int:
    """Print a line for each of them; 1 if a hint did not hold what it promised."""
    found = cures(turns)
    for cure in found:
        (kind, seed), setup = cure.plan, cure.setup
        verdict = ("more  " if cure.is_more else "holds ") if cure.holds else "MISSED"
        applied = ", ".join((*setup.commands, *([" ".join(setup.flags)] if setup.flags else ())))
        print(
            f"{verdict} {kind.name:<34} seed {seed}: {cure.before:,} tokens, promised {cure.promised:,}, "
            f"then {cure.after:,}; {applied}{'; AGAIN' if cure.again else ''}",
            flush=True,
        )
    missed = sum(not cure.holds for cure in found)
    print(f"{len(found)} conversations with hints to apply, {missed} of them missed")
    return 1 if missed else 0


def _read(turns: Sequence[Turn]) -> int:
    return sum(turn.processed_tokens for turn in turns)
