"""`python -m bench openings`: tokens read by the first request of a new session and of a new sub-agent."""

import argparse
import json
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.slots.rig import Answer, Json, Way, way
from tests.builders import user
from tests.fakes.llama import template

HELP = "what the first request of a new session and of a new sub-agent reads"
_SETTINGS = {"WARMPREFIX_SLOTS__SAVE_IDLE_S": "1", "WARMPREFIX_PREWARM__IDLE_S": "0.3"}
_EDGES = 64
"""Tokens besides its own text that a request may read."""

_RULE = (
    "You work on the files of a project, you test what you change, and you answer in one line.\n"
)
_TOOL_TEXT = "Reads one file of the project, or a part of it, and returns its lines. "
SERVERS: dict[str, tuple[str, ...]] = {
    "no flags": (),
    "--cache-ram 0": ("--cache-ram", "0"),
    "-np 4": ("-np", "4"),
    "-np 4 --cache-ram 0": ("-np", "4", "--cache-ram", "0"),
    "-np 1": ("-np", "1"),
    "-np 1 --cache-ram 0": ("-np", "1", "--cache-ram", "0"),
}


def tools(names: str) -> list[Json]:
    """Tools of some thousand tokens."""
    return [
        {"type": "function", "function": {"name": f"read_{name}", "description": _TOOL_TEXT * 20}}
        for name in names
    ]


Kinds = dict[str, tuple[list[Json], str]]
LONG: Kinds = {
    "session": (tools("abcdefgh"), _RULE * 90),
    "sub-agent": (tools("abcd"), _RULE * 80),
}
"""20,000 and 13,000 tokens that all of a kind begin with, one a byte."""
SHORT: Kinds = {"session": (tools("a"), _RULE * 16), "sub-agent": ([], _RULE * 20)}
"""The same with 3,000 and 2,000, for conversations that grow to five times that."""


def messages(kind: tuple[list[Json], str], name: str) -> list[Json]:
    """A first request: its own text begins at the end of the system text."""
    own = f"Branch {name}, changed: {name}.py, test_{name}.py. " * 10
    task = user(f"{name}: find out what is wrong and mend it. " * 20)
    return [{"role": "system", "content": kind[1] + own}, task]


def own_tokens(kind: tuple[list[Json], str], name: str) -> int:
    """The length of a request's own text."""
    system, task = messages(kind, name)
    return len(system["content"]) + len(task["content"]) - len(kind[1])


def ask(to: Way, label: str, kind: tuple[list[Json], str], name: str) -> None:
    """The first request of a conversation."""
    to.chat(label, messages(kind, name), tools=kind[0])


def learn(to: Way, kinds: Kinds, *, is_through: bool) -> None:
    """Two sessions, a pause, two sub-agents, a pause: through the proxy until what they share is saved, and
    for that a slot must hold one of them when nothing runs."""
    for number, kind in enumerate(kinds.values(), 1):
        for name in ("alpha", "beta"):
            ask(to, "before", kind, name)
        until = time.monotonic() + 60
        while is_through and _saved(to.url) < number:
            assert time.monotonic() < until, "nothing was learnt"
            time.sleep(0.2)


def _saved(url: str) -> int:
    with urllib.request.urlopen(f"{url}/warmprefix/api/openings", timeout=5) as answer:
        return len(json.loads(answer.read())["openings"])


def restarted(to: Way, kinds: Kinds) -> None:
    """The server is killed and started again."""
    del kinds
    to.server.kill()
    to.server.start()


def pushed_out(to: Way, kinds: Kinds) -> None:
    """Both kinds go on for long, and four other conversations run."""
    for kind in kinds.values():
        begun = messages(kind, "delta")
        long = [{"role": "assistant", "content": "This is what was done. " * 700}, user("Go on.")]
        to.chat("before", [*begun, *long], tools=kind[0], max_tokens=1)
    for name in ("one", "two", "three", "four"):
        to.chat("before", [user(f"Quite another thing, {name}. " * 100)], max_tokens=1)


SCENES: dict[str, tuple[Callable[[Way, Kinds], None], Kinds]] = {
    "restarted": (restarted, LONG),
    "pushed out": (pushed_out, SHORT),
}


def play(name: str, flags: Sequence[str], scene: str, folder: Path) -> dict[str, Answer]:
    """The first request of a new session and of a new sub-agent, on a fresh server."""
    happens, kinds = SCENES[scene]
    context = ("-c", str(32768 * (4 if "4" in flags else 1)))
    with way(name, folder, _SETTINGS, [*flags, *context], template("chatml_tools")) as to:
        learn(to, kinds, is_through=name == "through")
        happens(to, kinds)
        for label, kind in kinds.items():
            ask(to, label, kind, "gamma")
        return {label: to.answers[label][0] for label in kinds}


def command(arguments: Sequence[str]) -> int:
    """Measure and print; 1 if a request reads more than its own text and 64 tokens, else 0."""
    parser = argparse.ArgumentParser(prog="python -m bench openings", description=HELP)
    parser.add_argument("--server", action="append", choices=list(SERVERS), help="may be repeated")
    parser.add_argument("--scene", action="append", choices=list(SCENES), help="may be repeated")
    options = parser.parse_args(arguments)
    print(
        f"{'server':<22}{'scene':<12}{'first of a':<12}{'prompt':>8}{'own':>7}{'direct':>9}{'through':>9}"
    )
    holds = True
    with tempfile.TemporaryDirectory() as folder:
        for server in options.server or SERVERS:
            for scene in options.scene or SCENES:
                direct, through = (
                    play(name, SERVERS[server], scene, Path(folder))
                    for name in ("direct", "through")
                )
                for kind, of in SCENES[scene][1].items():
                    own = own_tokens(of, "gamma")
                    read = through[kind].processed_tokens
                    holds &= read <= own + _EDGES
                    print(
                        f"{server:<22}{scene:<12}{kind:<12}{through[kind].prompt_tokens:>8,}{own:>7,}"
                        f"{direct[kind].processed_tokens:>9,}{read:>9,}",
                        flush=True,
                    )
    return 0 if holds else 1
