"""The hints that the proxy gives for a noise, applied as they say: what they promised, and what they saved."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.never_worse.rig import proxy
from bench.sessions.client import Client
from bench.sessions.families import Family
from bench.sessions.noises import Noise
from bench.sessions.rig import scripted_model
from bench.sessions.script import Script
from tests.cases.apply import run
from tests.cases.replay import Json, read_log

SHARE = 0.05
"""How far from the promise the tokens may be that are read with the hint applied, as a share of them."""


@dataclass(frozen=True, slots=True)
class Told:
    """A session with default settings: tokens that the server evaluated, and the breaks that were logged."""

    tokens: int
    breaks: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class Applied:
    """A session without and with what its hints say. `commands`: those that were run. `promised`: tokens."""

    before: Told
    after: Told
    commands: tuple[str, ...]
    promised: int

    @property
    def holds(self) -> bool:
        """Whether it came as promised and no hint is left that can be applied; with nothing to apply, whether
        nothing was lost or the hints say that nothing can be set."""
        if not self.commands:
            return all(found["hint"]["command"] is None for found in self.before.breaks)
        expected = self.before.tokens - self.promised
        is_near = abs(self.after.tokens - expected) <= SHARE * expected
        return is_near and not self.after.breaks


def told(script: Script, family: Family, noise: Noise, folder: Path) -> Told:
    """A session through a proxy that remembers nothing, with the warmprefix.toml in `folder`, if it has one."""
    for name in ("ledger.db", "stdout"):
        (folder / name).unlink(missing_ok=True)
    with scripted_model(family, None) as model:
        with proxy(model.url, folder, saves=False) as url:
            Client([url], model, replace(script, stream=False), noise.change).play()
        tokens = sum(count.processed_tokens for count in model.counts)
    breaks = (turn["break"] for turn in read_log(folder))
    return Told(tokens, tuple(found for found in breaks if found is not None))


def applied(script: Script, family: Family, noise: Noise) -> Applied:
    """The session, and if its hints can be applied, the session with them."""
    with tempfile.TemporaryDirectory(prefix="warmprefix-hints-") as name:
        folder = Path(name)
        before = told(script, family, noise, folder)
        hints = [found["hint"] for found in before.breaks]
        commands = tuple(dict.fromkeys(hint["command"] for hint in hints if hint["command"]))
        for command in commands:
            run(command, folder / "warmprefix.toml")
        after = told(script, family, noise, folder) if commands else before
    promised = sum(hint["saves_tokens"] for hint in hints if hint["command"])
    return Applied(before, after, commands, promised)


def report(jobs: Sequence[tuple[Script, Family, Noise]]) -> int:
    """Print a line for each job; 1 if a hint did not hold what it promised, otherwise 0."""
    missed = 0
    for script, family, noise in jobs:
        if noise.side is not None or noise.forgets_at is not None or noise.agent is not None:
            continue  # of slots, without a turn to compare with, or of another client
        row = applied(script, family, noise)
        missed += not row.holds
        causes = dict.fromkeys(found["cause"] for found in row.before.breaks)
        said = ", ".join(row.commands) or ("nothing to set" if row.before.breaks else "no break")
        print(
            f"{'holds ' if row.holds else 'MISSED'} {script.name} · {family.name} · {noise.name}: "
            f"{row.before.tokens:,} tokens, promised {row.promised:,}, then {row.after.tokens:,}; "
            f"{', '.join(causes)} {said}",
            flush=True,
        )
    return 1 if missed else 0
