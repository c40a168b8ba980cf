"""How one process of a client, or of what installs it, is run to its end."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

Ended = subprocess.CompletedProcess[str]


def of_client(programs: Path, words: Sequence[str]) -> list[str]:
    """The command line; a program that is in the client's folder of programs is called by its whole path."""
    program = programs / words[0]
    return [str(program) if program.exists() else words[0], *words[1:]]


def ended(
    command: Sequence[str],
    folder: Path,
    limit_s: float,
    environment: Mapping[str, str] | None = None,
) -> Ended:
    """The process at its end; its `stdout` has what it printed, errors among it. It reads nothing.

    `environment`: all of it, None for our own. Raises TimeoutExpired behind `limit_s`, and OSError.
    """
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=limit_s,
        check=False,
    )
