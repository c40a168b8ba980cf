"""The blocks of README.md and docs/ are run as a reader would, in a home with nothing in it: on the ports that
they name, in front of a real llama-server. Commands in sentences: tests/test_documented_commands.py."""

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.documented.commands import NOT_RUN, ROOT, Command, commands, is_whole

ALL = commands()
RUN = [command for command in ALL if command.is_run]
LEFT_OUT = [command for command in ALL if not command.is_run and not command.is_ours]
LOOPBACK = ROOT / "tests" / "clients" / "loopback.sh"
LIMIT_S = 300
EXAMPLE = "warmprefix run -- python3 docs/example_agent.py"
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
    "optional-dependencies"
]

Outcomes = Mapping[tuple[str, str], tuple[int, str]]


def name(command: Command) -> str:
    return f"{command.page}: {command.text.partition(chr(10))[0]}"


@pytest.fixture(scope="session")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """How each of them ended, by page and text; run once, also if several workers share the tests."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    written = folder / "documented.jsonl"
    with (folder / "documented.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not written.exists():
            written.write_text(run_all(tmp_path_factory.mktemp("home")))
    lines = [json.loads(line) for line in written.read_text().splitlines()]
    return {(page, text): (status, output) for page, text, status, output in lines}


def run_all(home: Path) -> str:
    """What the stage says of each command that it runs, a line each."""
    unshare = shutil.which("unshare")
    own = [unshare or "", "--map-root-user", "--net", "true"]
    if unshare is None or subprocess.run(own, capture_output=True, check=False).returncode != 0:
        pytest.skip(
            "no network of its own can be made here, and the ports of the pages may be taken"
        )
    pytest.importorskip("xllamacpp")
    command = [
        str(LOOPBACK),
        sys.executable,
        "-m",
        "tests.documented.stage",
        str(home),
    ]
    ran = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.backend
@pytest.mark.timeout(LIMIT_S)
@pytest.mark.parametrize("command", RUN, ids=name)
def test_a_command_does_what_the_page_says(command: Command, outcomes: Outcomes) -> None:
    """Status 1 is an answer too: there is nothing to explain, or nothing that can be kept."""
    status, output = outcomes[command.page, command.text]

    assert status in (0, 1), output
    assert "Traceback" not in output


@pytest.mark.backend
@pytest.mark.timeout(LIMIT_S)
def test_the_readme_leads_to_the_first_kept_tokens(outcomes: Outcomes) -> None:
    """Two commands, which install and serve, and one client."""
    _, output = outcomes["README.md", EXAMPLE]
    kept = re.search(
        r"turns, .* prompt tokens read; without warmprefix about .*: ([\d,]+) kept", output
    )

    assert kept is not None, output
    assert int(kept[1].replace(",", "")) > 100


@pytest.mark.parametrize("command", LEFT_OUT, ids=name)
def test_a_command_that_is_not_run_has_a_reason(command: Command) -> None:
    is_piped = "|" in command.text and "docker" in command.text
    assert is_piped or command.program in NOT_RUN or command.text in NOT_RUN


@pytest.mark.parametrize("program", NOT_RUN)
def test_a_reason_is_of_something_that_a_page_shows(program: str) -> None:
    assert any(program in (command.program, command.text) for command in ALL)


def test_what_is_made_is_a_target() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    made = [
        word
        for command in ALL
        if command.program == "make"
        for word in command.words[1:]
        if "=" not in word
    ]

    assert made
    assert set(made) <= targets


def test_what_is_installed_beside_it_is_an_extra() -> None:
    installed = " ".join(
        command.text for command in ALL if command.program in ("uv", "pipx", "pip")
    )
    named = {
        extra for names in re.findall(r"\[([\w,]+)\]", installed) for extra in names.split(",")
    }

    assert "embedded" in named
    assert named <= set(EXTRAS)


def test_what_is_measured_is_a_benchmark() -> None:
    benches = [command.words[3] for command in ALL if command.program == "python -m bench"]

    assert benches
    assert [bench for bench in benches if not (ROOT / "bench" / bench).is_dir()] == []


def test_what_docker_is_given_is_there() -> None:
    files = re.findall(r"docker compose -f (\S+)", " ".join(command.text for command in ALL))

    assert files
    assert [file for file in files if not (ROOT / file).exists()] == []


WHOLE = [
    ("one-line", "curl x", True),
    ("goes-on", "docker run \\", False),
    ("open-quote", "curl -d '{", False),
    ("comment", "tail # it's", True),
]


@pytest.mark.parametrize(
    ("text", "whole"), [row[1:] for row in WHOLE], ids=[row[0] for row in WHOLE]
)
def test_a_command_ends_where_a_shell_would_run_it(text: str, whole: bool) -> None:
    assert is_whole(text) is whole


def test_variables_and_comments_are_no_words_of_a_command() -> None:
    command = Command("README.md", "A_KEY=x warmprefix serve --port 1   # here")

    assert (command.program, command.arguments) == ("warmprefix", ["serve", "--port", "1"])
