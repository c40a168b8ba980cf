"""Every command of ours that a page names is run as it stands there, in front of a proxy that runs.

`serve` ends after `--check`, and what would follow for ever shows what there is. Words in capitals stand for
something: `PLACES` says for what.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.clients.threaded_backend import JSON, Refused, ThreadedBackend
from tests.fakes.running_proxy import TICK_S
from tests.fakes.scripted_replies import chat_reply, dump
from warmprefix.cli import app

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md")])
INLINE = re.compile(r"`(?:python -m )?(warmprefix [^`\n]+)`")
FENCED = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)
IN_A_LINE = re.compile(r"(?:^|\| |[\w./]*/|\w+=\S+ )(warmprefix (?:[a-z-]+|--).*)")
OUTPUT = re.compile(r"^(?:\d\d:\d\d|warmprefix: |20\d\d-)")

ELSEWHERE = {
    "warmprefix --install-completion": "writes files of the shell: tests/cli/test_completion.py",
    "warmprefix --show-completion": "asks which shell calls it: tests/cli/test_completion.py",
}
STATUSES = {
    "doctor": {0, 1},  # the backend of this test is bare
    "doctor --probe": {0, 1},
    "doctor --api-key secret": {0, 1},
    "slots forget ID": {1},
    "warm FILE": {1},  # the backend of this test saves no slots
    "warm agent.json --endpoint /v1/messages": {1},
    "warm": {2},
    "config set": {2},
    "replay": {2},
}
"""The exit statuses of commands that do not end with 0 here: a page that only names a command leaves out what
it needs."""


def commands() -> list[str]:
    """Every command line of ours, once."""
    found: dict[str, None] = {}
    for page in PAGES:
        text = page.read_text("utf-8")
        lines = [line for block in FENCED.findall(text) for line in block.splitlines()]
        fenced = (IN_A_LINE.search(line) for line in lines if not OUTPUT.match(line))
        for line in (*INLINE.findall(text), *(match[1] for match in fenced if match)):
            found[re.split(r"\s+#|\s*2>&1|\s+\||;", line)[0].strip()] = None
    return [line for line in found if line not in ELSEWHERE]


class Model(ThreadedBackend):
    """A backend that names its model and answers every chat in the same way."""

    def respond(
        self, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[str, list[bytes]]:
        """Its pages."""
        del headers
        if body is not None:
            return JSON, [dump(chat_reply("Fine.", 500, 0))]
        if path == "/v1/models":
            return JSON, [dump({"data": [{"id": "NAME"}]})]
        raise Refused(404, b"{}")


@dataclass(frozen=True)
class World:
    """A folder with all that the commands name, and a proxy that runs. `places`: what words stand for."""

    home: Path
    url: str
    turn: str

    def filled(self, line: str) -> list[str]:
        """The words of a command line, without its first."""
        words = shlex.split(line)[1:]
        places = {
            "CLIENT": ["opencode"], "COMMAND": ["true"], "KEY": ["log.level"], "VALUE": ["debug"],
            "VALUE...": ["debug"], "TURN": [self.turn], "FILE": ["agent.json"], "DIR": ["captures"],
            "CAPTURE": ["day.jsonl"], "URL": [self.url],
        }  # fmt: skip
        return [one for word in words for one in places.get(word, [word])]


def ask(url: str, text: str) -> None:
    """One turn."""
    system = {"role": "system", "content": f"It is {text} o'clock. " + "Be kind. " * 50}
    body = {"messages": [system, {"role": "user", "content": "Hello"}]}
    data = json.dumps(body).encode()
    with urllib.request.urlopen(f"{url}/v1/chat/completions", data) as answer:
        answer.read()


@contextmanager
def proxy_in(
    folder: Path, environment: Mapping[str, str], backend: str
) -> Iterator["subprocess.Popen[str]"]:
    """A proxy that captures, a process that ends with the `with` statement."""
    options = ("--port", "0", "--backend", backend, "--capture", "captures")
    with subprocess.Popen(
        [sys.executable, "-m", "warmprefix", "serve", *options],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.communicate()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("world")
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "proxy"),
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home / "run"),
    }
    body = {"messages": [{"role": "user", "content": " hi "}]}
    for name in ("body.json", "agent.json", "claude.json"):
        (home / name).write_text(json.dumps(body))
    shutil.copytree(ROOT / "docs", home / "docs")
    with Model() as model, proxy_in(home, environment, model.url) as proxy:
        assert proxy.stderr is not None
        said = next(line for line in proxy.stderr if "OPENAI_BASE_URL" in line)
        url = said.split("OPENAI_BASE_URL=")[1].split("/v1")[0]
        for text in ("one", "two"):
            ask(url, text)
        with urllib.request.urlopen(f"{url}/warmprefix/api/turns") as answer:
            turns = json.load(answer)["turns"]
        capture = next((home / "captures").glob("*.jsonl"))
        while capture.read_bytes().count(b"\n") < len(turns):
            assert proxy.poll() is None
            time.sleep(TICK_S)
        shutil.copy(capture, home / "day.jsonl")
        shutil.copy(capture, home / "captures" / "capture-20260301T120431-7.jsonl")
        (home / "turns.log").write_text("".join(f"{json.dumps(turn)}\n" for turn in turns))
        yield World(home, url, turns[0]["turn"])


def run(words: list[str], world: World) -> Result:
    """The command, in the folder with everything."""
    before = Path.cwd()
    os.chdir(world.home)
    try:
        env = {"HOME": str(world.home), "XDG_RUNTIME_DIR": str(world.home / "run"), "NO_COLOR": "1"}
        given = (
            world.home / ("body.json" if words[0] == "canonicalize" else "turns.log")
        ).read_text()
        return CliRunner().invoke(app, words, input=given, env=env, prog_name="warmprefix")
    finally:
        os.chdir(before)


@pytest.mark.parametrize("line", commands())
def test_a_command_of_a_page_runs(line: str, world: World) -> None:
    words = world.filled(line)
    if words[0] == "serve":
        words = [*words, "--check"]
    if words[0] == "tail":
        words = [*words, "--no-follow"]
    result = run(words, world)

    allowed = STATUSES.get(line.removeprefix("warmprefix "), {0})
    assert result.exit_code in allowed, (result.output, result.exception)
    assert "No such option" not in result.output
    assert "No such command" not in result.output


def test_the_pages_name_commands_at_all() -> None:
    assert {"warmprefix tail", "warmprefix serve --observe"} <= set(commands())


def test_a_status_is_of_a_command_that_a_page_names() -> None:
    assert {f"warmprefix {command}" for command in STATUSES} <= set(commands())
