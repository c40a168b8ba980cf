"""Real clients and the real proxy as processes, and what to ask of the requests that came out."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.clients.installing import package
from tests.clients.processes import ended
from tests.clients.scripted_model import Json, Turn
from warmprefix.core.wire.slices import elements, members

PROCESS_LIMIT_S = 180  # a client that takes 5 s on an idle machine


@contextmanager
def warmprefix(
    backend_url: str,
    ledger: Path,
    *,
    log: Path | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """The address of a proxy in a process of its own, which remembers in the file `ledger`.

    `log`: the file for its turn log. `settings` are variables of its environment.
    """
    command = [sys.executable, "-m", "warmprefix", "serve", "--port", "0", "--backend", backend_url]
    memory = {"WARMPREFIX_MEMORY__STORE": "sqlite", "WARMPREFIX_MEMORY__PATH": str(ledger)}
    lines = {} if log is None else {"WARMPREFIX_LOG__FILE": str(log)}
    with subprocess.Popen(
        command,
        env={**os.environ, **memory, **lines, **(settings or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield listening(process)
        finally:
            process.terminate()
            process.communicate()


def listening(process: "subprocess.Popen[str]") -> str:
    """The address that the proxy says it listens on."""
    assert process.stderr is not None
    line = next(line for line in process.stderr if "listening on" in line)
    return line.split("listening on ")[1].split(",")[0]


def run(command: str, arguments: Sequence[str], home: Path, **environment: str) -> str:
    """What one process of a client prints, run in `home / "work"` with nothing of ours in its environment.

    `command` is also the name of its package.
    """
    variables = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", **environment}
    words = [str(package(command).bin / command), *arguments]
    done = ended(words, home / "work", PROCESS_LIMIT_S, variables)
    assert done.returncode == 0, done.stdout
    return done.stdout


@dataclass(frozen=True)
class Sent:
    """The bytes of one request that a template sees."""

    messages: tuple[bytes, ...]
    tools: bytes


def sent(turn: Turn) -> Sent:
    """The request of `turn` as it was on the wire."""
    spans = members(turn.body)
    messages = elements(turn.body, spans["messages"][0])
    tools = turn.body[slice(*spans["tools"])] if "tools" in spans else b""
    return Sent(tuple(turn.body[start:end] for start, end in messages), tools)


def changed_history(turns: Sequence[Turn]) -> list[tuple[int, bytes, bytes]]:
    """Messages that a later request sent with other bytes: number of the request, before, after."""
    return [
        (number, old, new)
        for number, (before, after) in enumerate(pairwise(map(sent, turns)), start=1)
        for old, new in zip(before.messages, after.messages, strict=False)
        if old != new
    ]


def changed_replies(turns: Sequence[Turn]) -> list[tuple[int, Json, Json]]:
    """Replies that the next request holds otherwise: number of that request, as generated, as sent."""
    return [
        (number, before.reply, echo)
        for number, (before, after) in enumerate(pairwise(turns), start=1)
        if (echo := after.request["messages"][len(before.request["messages"])]) != before.reply
    ]


def figures(turns: Sequence[Turn]) -> list[str]:
    """What the llama-server counted, one line a request; pytest shows it where a claim fails."""
    return [
        f"{turn.prompt_tokens:6} prompt {turn.cached_tokens:6} cached {turn.processed_tokens:6} "
        f"processed {turn.generated_tokens:4} generated{'' if turn.offers_tools else ' (no tools)'}"
        for turn in turns
    ]
