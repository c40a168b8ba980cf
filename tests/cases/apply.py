"""Takes the hints that the proxy gives in a case, applies them, and replays the case with them.

A setting of ours is set with `warmprefix config set`, as the hint says; a flag is given to the server.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from tests.cases.replay import Evaluated, Json, load, played, replay
from warmprefix.cli import app


@dataclass(frozen=True, slots=True)
class Cure:
    """A case without and with what its hints say. `promised`: the sum of what they said they would save."""

    before: Evaluated
    after: Evaluated
    commands: tuple[str, ...]
    flags: tuple[str, ...]
    promised: int

    @property
    def saved(self) -> int:
        """Tokens that were really saved."""
        return self.before.all - self.after.all


def hints_of(log: tuple[Json, ...]) -> list[Json]:
    """The hints of every break."""
    return [turn["break"]["hint"] for turn in log if turn["break"] is not None]


def applied(name: str, folder: Path, *, saves: bool = False) -> Cure:
    """The case replayed, its hints applied, and replayed again; if it `saves`, on a server that keeps files
    then."""
    before = played(name, through=True)
    hints = [hint for hint in hints_of(before.log) if hint["where"] in ("setting", "backend")]
    commands = tuple(dict.fromkeys(hint["command"] for hint in hints if hint["command"]))
    flags = tuple(
        dict.fromkeys(word for hint in hints if hint["where"] == "backend"
                      for word in shlex.split(hint["paste"]))
    )  # fmt: skip
    for command in commands:
        run(command, folder / "warmprefix.toml")
    if saves:
        (folder / "slots").mkdir()
        flags = (*flags, "--slot-save-path", f"{folder / 'slots'}/")
    after = replay(load(name), folder, through=True, more_flags=flags)
    return Cure(before, after, commands, flags, sum(hint["saves_tokens"] for hint in hints))


def run(command: str, file: Path) -> None:
    """Run a `warmprefix config set` on a settings file."""
    program, *words = shlex.split(command)
    assert program == "warmprefix"
    result = CliRunner().invoke(app, [*words, "--config", str(file)], prog_name="warmprefix")
    assert result.exit_code == 0, result.output
