"""The child process of a llama-server, on its own: what it is told, and what is told of it.

tests/embedded/test_backend.py runs one through `--embedded`; tests/fakes/llama.py is one.
"""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import warmprefix
from warmprefix.core.errors import BackendError
from warmprefix.embedded import process
from warmprefix.embedded.process import ServerProcess, child_environment, common_params, tail

TAILS: list[tuple[str, str, str]] = [
    ("nothing", "", "  (it printed nothing)"),
    ("blank", "\n \n", "  (it printed nothing)"),
    ("few", "a\n\nb\n", "  a\n  b"),
    ("many", "".join(f"{number}\n" for number in range(40)),
     "\n".join(f"  {number}" for number in range(28, 40))),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"), [row[1:] for row in TAILS], ids=[row[0] for row in TAILS]
)
def test_the_last_lines_of_a_log_are_quoted(text: str, expected: str) -> None:
    assert tail(text) == expected


def test_the_child_finds_this_package_and_no_other(tmp_path: Path) -> None:
    """From wherever it is started: one that is installed elsewhere is not the one that runs."""
    code = "import warmprefix; print(warmprefix.__file__)"
    env = {
        **child_environment(),
        "PYTHONPATH": child_environment()["PYTHONPATH"].split(os.pathsep)[0],
    }
    found = subprocess.run(
        [sys.executable, "-P", "-c", code], env=env, cwd=tmp_path, capture_output=True, check=True
    )

    assert Path(found.stdout.decode().strip()) == Path(warmprefix.__file__)


def test_what_the_user_has_in_the_path_stays_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "theirs")
    assert child_environment()["PYTHONPATH"].split(os.pathsep)[1:] == ["theirs"]
    monkeypatch.delenv("PYTHONPATH")

    assert os.pathsep not in child_environment()["PYTHONPATH"]


class Params:
    """As xllamacpp's: attributes of attributes, some of them sets."""

    def __init__(self) -> None:
        self.n_ctx = 0
        self.model = SimpleNamespace(path="")
        self.model_alias = {"old"}


@pytest.fixture
def params(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", SimpleNamespace(CommonParams=Params))


SET: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("plain", {"n_ctx": 9}, {"n_ctx": 9}),
    ("set-of-a-list", {"model_alias": ["a", "b"]}, {"model_alias": {"a", "b"}}),
    ("none", {}, {"n_ctx": 0, "model_alias": {"old"}}),
]


@pytest.mark.parametrize(
    ("options", "expected"), [row[1:] for row in SET], ids=[row[0] for row in SET]
)
def test_an_option_is_set_by_its_path(
    params: None, options: dict[str, Any], expected: dict[str, Any]
) -> None:
    made = common_params({**options, "model.path": "a.gguf"})

    assert made.model.path == "a.gguf"
    assert {name: getattr(made, name) for name in expected} == expected


@pytest.mark.parametrize("name", ["no_such", "model.no_such.path"])
def test_an_unknown_option_is_an_error(params: None, name: str) -> None:
    with pytest.raises(AttributeError):
        common_params({name: 1})


async def test_one_that_ends_before_it_is_ready_says_what_it_printed(tmp_path: Path) -> None:
    server = ServerProcess({"no_such_option": 1}, tmp_path / "log")
    with pytest.raises(BackendError, match=r"did not start:\n(.|\n)*no_such_option"):
        server.start()

    assert server.child is None
    server.stop()  # once more is fine


def test_one_that_does_not_end_by_itself_is_killed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(process, "STOP_GRACE_S", 0.05)
    server = ServerProcess({})
    sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
    server.child = child = subprocess.Popen(sleeper, stdin=subprocess.PIPE, text=True)
    server.stop()

    assert child.returncode == -9
