"""What `warmprefix connect CLIENT --write` writes is enough for the real client: it asks, and gets its answer.

Each starts with nothing else than the settings file that was written. Those that need only variables get
them in described.py.
"""

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.agents import BINARIES, CODEX_FREE, Home
from tests.clients.agents import missing as missing_agent
from tests.clients.described import OPENCLAW
from tests.clients.endpoint_replies import Reply
from tests.clients.installing import missing, package
from tests.clients.playing import LIMIT_S, end_what_is_left
from tests.clients.processes import ended, of_client
from tests.clients.sessions import play
from tests.servers.stock import stock_binary
from warmprefix.connect.recipes import Given, Recipe, recipes

pytestmark = [
    pytest.mark.client,
    pytest.mark.backend,
    pytest.mark.skipif(stock_binary() is None, reason="no llama-server: make servers"),
    pytest.mark.timeout(600),
]
QUESTION = "Which word greets?"
ANSWER = "The word that greets is hello-from-the-model."


@dataclass(frozen=True)
class Start:
    """How a client is asked one question. `line`: its words, `$model` in them is the model's name."""

    name: str
    line: tuple[str, ...]
    before: tuple[str, ...] = ()

    @property
    def recipe(self) -> Recipe:
        """Its recipe."""
        return next(one for one in recipes() if one.name == self.name)

    @property
    def bin(self) -> Path:
        """The folder of its programs."""
        return BINARIES if self.name in AGENTS else package(self.name).bin

    def missing(self) -> str | None:
        """Why it cannot be run, or None."""
        return missing_agent(AGENTS[self.name]) if self.name in AGENTS else missing(self.name)


AGENTS = {"claude-code": "claude", "codex": "codex"}
STARTS = (
    Start("claude-code", ("claude", "-p", QUESTION)),
    Start("codex", ("codex", "exec", *CODEX_FREE, QUESTION)),
    Start("hermes", ("hermes", "chat", "-q", QUESTION)),
    Start("opencode", ("opencode", "run", QUESTION)),
    Start("kilo", ("kilo", "run", QUESTION)),
    Start("qwen-code", ("qwen", "-y", "-p", QUESTION)),
    Start("pi", ("pi", "-p", "--provider", "warmprefix", "--model", "$model", QUESTION)),
    Start(
        "cline",
        ("cline", "-P", "openai-compatible", "-m", "$model", "--json", QUESTION),
        ("cline", "auth", "openai-compatible", "-k", "x", "-m", "$model", "-b", "$url"),
    ),
    Start("continue", ("cn", "--auto", "-p", QUESTION)),
    Start("openclaw", (*OPENCLAW, QUESTION)),
    Start(
        "aider",
        (
            *("aider", "--yes-always", "--no-check-update", "--no-show-model-warnings"),
            *("--analytics-disable", "--no-gitignore", "--message", QUESTION, "greeting.py"),
        ),
    ),
    Start("llm", ("llm", "--key", "x", "-m", "warmprefix", QUESTION)),
)


def row(start: Start) -> object:
    """The client, skipped with the reason if it cannot be run."""
    reason = start.missing()
    marks = [pytest.mark.skipif(reason is not None, reason=str(reason))]
    return pytest.param(start, id=start.name, marks=marks)


@pytest.mark.parametrize("start", [row(start) for start in STARTS])
def test_a_client_that_was_connected_gets_its_answer(start: Start, tmp_path: Path) -> None:
    def act(home: Home, url: str) -> list[str]:
        try:
            return [connected(start, home, url)]
        finally:
            end_what_is_left(home)

    played = play(tmp_path / "home", act, lambda _: {}, proxy={}, say=lambda _: Reply(ANSWER))

    assert ANSWER.split()[-1] in played.printed[0], played.printed[0]
    assert {record["client"] for record in played.records} == {start.recipe.profile}
    assert {record["status"] for record in played.records} == {200}


def connected(start: Start, home: Home, url: str) -> str:
    """What the client prints, once it is connected."""
    variables = environment(start, home)
    if start.recipe.file is not None:
        connect = [sys.executable, "-m", "warmprefix", "connect", start.name, "--write"]
        said = output([*connect, "--url", url], home, variables)
        assert "wrote " in said
    given = Given(url, model(home, url))
    if start.before:
        output(words(start, start.before, given), home, variables)
    return output(words(start, start.line, given), home, variables)


def words(start: Start, line: tuple[str, ...], given: Given) -> list[str]:
    """The command line with what is known only in a run."""
    return of_client(
        start.bin, [given.filled(word.replace("$bin", str(start.bin))) for word in line]
    )


def model(home: Home, url: str) -> str:
    """The name of the model, as `connect` finds it."""
    connect = [sys.executable, "-m", "warmprefix", "connect", "gptme", "--url", url]
    said = output(connect, home, environment(STARTS[0], home))
    return shlex.split(said.split("gptme -m local/")[1])[0]


def environment(start: Start, home: Home) -> dict[str, str]:
    """What every process gets."""
    return {
        "PATH": f"{start.bin}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home.folder),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "IS_SANDBOX": "1",
        "PI_OFFLINE": "1",
        "CONTINUE_TELEMETRY_ENABLED": "0",
    }


def output(command: list[str], home: Home, variables: dict[str, str]) -> str:
    """What a process prints."""
    return ended(command, home.work, LIMIT_S, variables).stdout
