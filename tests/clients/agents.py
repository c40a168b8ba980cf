"""Claude Code and Codex as processes in a home of their own, in a git repository, with dummy keys."""

import json
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.clients.processes import ended
from tests.clients.terminal import Terminal

BINARIES = Path(__file__).parents[2] / ".clients-npm" / "node_modules" / ".bin"
"""Where `make test-clients` installs the clients from npm."""

FILES = {
    "greeting.py": 'def greeting(name):\n    return "Hello " + name\n',
    "notes.txt": "".join(f"{number}: a note about café {number}\n" for number in range(1, 21)),
}
CODEX_FREE = ("--dangerously-bypass-approvals-and-sandbox",)
CODEX_CONFIG = """\
check_for_update_on_startup = false
model = "scripted"
model_provider = "local"
[model_providers.local]
name = "local"
base_url = "{url}/v1"
wire_api = "responses"
env_key = "LOCAL_KEY"
"""
LIMIT_S = 400  # a first prompt of 87,000 tokens takes 15 s on an idle machine
GIT = ("git", "-c", "user.email=a@example.org", "-c", "user.name=A")
AT = "2026-01-02T03:04:05Z"
"""When commits are made: their ids stand in prompts, and the same id has as many tokens in every run."""


def missing(command: str) -> str | None:
    """Why a client cannot be run, or None."""
    if (BINARIES / command).exists():
        return None
    return f"{command} is not installed: make test-clients, which needs node and npm"


@dataclass(frozen=True)
class Home:
    """The home of a user, with the repository `work` in it."""

    folder: Path

    @property
    def work(self) -> Path:
        """Where the user works."""
        return self.folder / "work"

    def git(self, *arguments: str) -> None:
        """Run git in the repository."""
        dates = {"GIT_AUTHOR_DATE": AT, "GIT_COMMITTER_DATE": AT}
        done = ended([*GIT, *arguments], self.work, LIMIT_S, {**self._environment(), **dates})
        assert done.returncode == 0, done.stdout

    def claude(self, url: str, question: str, *arguments: str) -> str:
        """What one process of Claude Code prints to one question."""
        return self._run("claude", ["-p", *arguments, question], _claude(url))

    def claude_talks(self, url: str, questions: Sequence[str], *arguments: str) -> str:
        """What one process of Claude Code prints that is asked one question after the other."""
        lines = ["--input-format", "stream-json", "--output-format", "stream-json", "--verbose"]
        printed = []
        with subprocess.Popen(
            [BINARIES / "claude", "-p", *lines, *arguments],
            cwd=self.work,
            env={**self._environment(), **_claude(url)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            for question in questions:
                process.stdin.write(_line(question))
                process.stdin.flush()
                for line in process.stdout:
                    printed.append(line)
                    if json.loads(line)["type"] == "result":
                        break
            process.stdin.close()
            printed += process.stdout
        return "".join(printed)

    def codex(self, url: str, *arguments: str) -> str:
        """What one process of Codex prints."""
        self._configure_codex(CODEX_CONFIG.format(url=url))
        options = ["exec", *arguments, *CODEX_FREE]
        return self._run("codex", options, {"LOCAL_KEY": "dummy"})

    def codex_terminal(self, url: str, question: str) -> Terminal:
        """Codex in a terminal, with its first question."""
        trusted = f'[projects."{self.work}"]\ntrust_level = "trusted"\n'
        self._configure_codex(CODEX_CONFIG.format(url=url) + trusted)
        return Terminal(
            [str(BINARIES / "codex"), *CODEX_FREE, question],
            self.work,
            {**self._environment(), "LOCAL_KEY": "dummy"},
        )

    def end_codex_daemons(self) -> None:
        """End what Codex in a terminal leaves running; each has written its process id."""
        for file in (self.folder / ".codex" / "app-server-daemon").glob("*.pid"):
            with suppress(ProcessLookupError):
                os.kill(json.loads(file.read_text())["pid"], signal.SIGTERM)

    def _configure_codex(self, text: str) -> None:
        (self.folder / ".codex").mkdir(exist_ok=True)
        (self.folder / ".codex" / "config.toml").write_text(text)

    def _run(self, command: str, arguments: Sequence[str], variables: dict[str, str]) -> str:
        words = [str(BINARIES / command), *arguments]
        return ended(words, self.work, LIMIT_S, {**self._environment(), **variables}).stdout

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8"}


def _claude(url: str) -> dict[str, str]:
    return {
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_AUTH_TOKEN": "dummy",
        "ANTHROPIC_MODEL": "scripted",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "DISABLE_AUTOUPDATER": "1",
        "IS_SANDBOX": "1",  # tools run without questions, as root too
    }


def _line(text: str) -> str:
    message = {"role": "user", "content": [{"type": "text", "text": text}]}
    return json.dumps({"type": "user", "message": message}) + "\n"


def new_home(folder: Path) -> Home:
    """A home whose repository has one commit."""
    home = Home(folder)
    home.work.mkdir(parents=True)
    for name, text in FILES.items():
        (home.work / name).write_text(text, encoding="utf-8")
    home.git("init", "--quiet", "--initial-branch", "main")
    home.git("add", ".")
    home.git("commit", "--quiet", "--message", "one")
    return home
