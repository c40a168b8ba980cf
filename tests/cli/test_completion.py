"""What shells complete, as they ask for it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_serve import ROOT
from warmprefix.cli.completion import clients, rules, settings

SHELLS = {
    "bash": {"COMP_WORDS": "warmprefix connect cl", "COMP_CWORD": "2"},
    "zsh": {"_TYPER_COMPLETE_ARGS": "warmprefix connect cl"},
    "fish": {
        "_TYPER_COMPLETE_ARGS": "warmprefix connect cl",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    },
}


def asked(shell: str, words: dict[str, str]) -> str:
    """What warmprefix answers to a shell."""
    return subprocess.run(
        [sys.executable, "-m", "warmprefix"],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "proxy"),
            "_WARMPREFIX_COMPLETE": f"complete_{shell}",
            **words,
        },
        capture_output=True,
        text=True,
        check=False,
    ).stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_names_of_clients_are_completed(shell: str) -> None:
    output = asked(shell, SHELLS[shell])

    assert "claude-code" in output
    assert "cline" in output
    assert "aider" not in output


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_bash_completes_with_the_script_that_is_shown(tmp_path: Path) -> None:
    program = tmp_path / "warmprefix"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m warmprefix "$@"\n')
    program.chmod(0o755)
    script = """
        eval "$(warmprefix --show-completion)"
        COMP_WORDS=(warmprefix config set canonicalize.en); COMP_CWORD=3
        _warmprefix_completion warmprefix; echo "${COMPREPLY[@]}"
    """
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        env={"PATH": path, "PYTHONPATH": str(ROOT / "proxy"), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout == "canonicalize.enable\n", done.stderr


def test_rules_and_settings_are_completed_by_their_beginning() -> None:
    assert "hermes:freeze-volatile" in rules("hermes:")
    assert list(settings("log.e")) == ["log.excerpts"]
    assert list(clients("zz")) == []
