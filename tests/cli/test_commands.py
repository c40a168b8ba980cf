"""The command line as a user meets it: help, errors in one line, exit statuses, colour."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from warmprefix.cli import app

ROOT = Path(__file__).parent.parent.parent
TURN = {"time": None, "turn": "t", "kind": "cold", "outcome": "ok", "cache_ratio": 0.1}


def invoke(*arguments: str, env: Mapping[str, str] | None = None, text: str = "") -> Result:
    plain = {"NO_COLOR": "1", "COLUMNS": "200", **(env or {})}
    return CliRunner().invoke(app, arguments, input=text, env=plain, prog_name="warmprefix")


def process(*arguments: str, **env: str) -> "subprocess.Popen[bytes]":
    inherited = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "proxy"), "PYTHONUTF8": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "warmprefix", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**inherited, **env},
    )


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No warmprefix.toml, no settings of the person who runs the tests, and no proxy that runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    for name in os.environ:
        if name.startswith("WARMPREFIX_"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    "command",
    [
        *(
            "serve",
            "connect",
            "run",
            "tail",
            "explain",
            "canonicalize",
            "replay",
            "doctor",
            "slots",
        ),
        *("warm", "config"),
    ],
)
def test_the_help_of_a_command_has_an_example(command: str) -> None:
    result = invoke(command, "--help")

    assert result.exit_code == 0
    assert "Example" in result.output
    assert f"warmprefix {command}" in result.output


def test_the_version_is_told() -> None:
    result = invoke("--version")

    assert result.exit_code == 0
    assert result.output.startswith("warmprefix ")


def test_ctrl_c_while_it_is_loaded_is_no_traceback() -> None:
    code = """
import sys
from warmprefix.__main__ import start

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupting())
start()
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False, cwd=ROOT / "proxy"
    )

    assert (ended.returncode, ended.stderr) == (130, b"")


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; import warmprefix.cli;"
        "print([m for m in ('httpx', 'fastapi', 'aiohttp', 'uvicorn', 'sqlite3', 'orjson')"
        " if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, cwd=ROOT, check=True, text=True
    )

    assert result.stdout == "[]\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("command", [("config",), ("--help",), ("tail", "--log", "-")], ids=str)
def test_a_full_disk_is_one_line(command: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "warmprefix", *command],
            input=json.dumps(TURN).encode(),
            stdout=full,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT / "proxy")},
            check=False,
        )

    assert ended.returncode == 1
    assert ended.stderr == b"warmprefix: cannot write: No space left on device\n"


@pytest.mark.parametrize("command", ["config", "tail --log -", "--version"])
def test_an_output_that_the_shell_has_closed_is_no_failure(command: str) -> None:
    line = f"echo {{}} | {sys.executable} -m warmprefix {command} >&- 2>err; echo $? >>err"
    subprocess.run(
        ["sh", "-c", line], env={**os.environ, "PYTHONPATH": str(ROOT / "proxy")}, check=True
    )

    assert Path("err").read_text() == "0\n"


WRONG = [
    pytest.param(["serve", "--port", "-1"], {}, "flag --port: server.port: must be", id="flag"),
    pytest.param(["serve", "--config", "no.toml"], {}, "no.toml: cannot be read", id="file"),
    pytest.param(["config", "-c", "no.toml"], {}, "no.toml: cannot be read", id="config-file"),
    pytest.param(["config"], {"WARMPREFIX_X__Y": ""}, "environment WARMPREFIX_X__Y", id="variable"),
    pytest.param(
        ["config"],
        {"WARMPREFIX_CANONICALIZE__DISABLE": '["edge-whitespac"]'},
        "did you mean edge-whitespace?",
        id="rule",
    ),
    pytest.param(
        ["serve", "--embedded", "--backend", "http://x"], {}, "leave out --backend", id="both"
    ),
    pytest.param(
        ["canonicalize", "--disable", "edge-whitespac"],
        {},
        "flag --disable: no rule is called",
        id="canonicalize-rule",
    ),
    pytest.param(["canonicalize", "no.json"], {}, "no.json: cannot be read", id="no-body"),
]


@pytest.mark.parametrize(("arguments", "env", "says"), WRONG)
def test_a_wrong_setting_is_one_line_and_status_2(
    arguments: list[str], env: dict[str, str], says: str
) -> None:
    result = invoke(*arguments, env=env)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("warmprefix: ")
    assert result.stderr.count("\n") == 1
    assert says in result.stderr


def test_everything_that_is_wrong_is_a_line_of_its_own() -> None:
    result = invoke("serve", "--port", "-1", "--backend", "nowhere", env={"WARMPREFIX_X": ""})

    assert result.exit_code == 2
    assert result.stdout == ""
    first, second, third = result.stderr.splitlines()
    assert first.startswith("warmprefix: environment WARMPREFIX_X: ")
    assert second.startswith("warmprefix: flag --backend: ")
    assert third.startswith("warmprefix: flag --port: ")


def test_check_and_config_show_the_same_settings_and_their_sources() -> None:
    Path("warmprefix.toml").write_text("[server]\nport = 9\n")
    secret = {"WARMPREFIX_SERVER__API_KEY": "hidden"}

    checked, shown = invoke("serve", "--check", env=secret), invoke("config", env=secret)

    assert (checked.exit_code, shown.exit_code) == (0, 0)
    assert checked.output == shown.output
    assert "server.port = 9 " in shown.output
    assert "# warmprefix.toml line 2" in shown.output
    assert "hidden" not in shown.output


def test_tail_shows_turns_of_a_log_and_other_lines_as_they_are() -> None:
    Path("t.log").write_text(f"skipped\nINFO: started\n\n{json.dumps(TURN)}\n")

    result = invoke("tail", "--log", "t.log", "--no-follow", "-n", "3")

    assert result.exit_code == 0
    first, second = result.stdout.splitlines()
    assert first == "INFO: started"
    assert second.endswith(" cold")
    assert "\x1b" not in result.stdout


def test_tail_of_standard_input_ends_with_it() -> None:
    result = invoke("tail", "--log", "-", text=f"{json.dumps(TURN)}\n" * 20)

    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 20


@pytest.mark.parametrize(
    ("env", "coloured"),
    [
        pytest.param({}, False, id="pipe"),
        pytest.param({"FORCE_COLOR": "1"}, True, id="forced"),
        pytest.param({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, id="no-color"),
    ],
)
def test_tail_colours_only_where_wanted(env: dict[str, str], coloured: bool) -> None:
    with process("tail", "--log", "-", **env) as tail:
        output, _ = tail.communicate(json.dumps(TURN).encode())

    assert tail.returncode == 0
    assert (b"\x1b[31m" in output) is coloured
    assert (b"\x1b" in output) is coloured


def test_with_no_color_help_and_errors_are_nothing_but_text() -> None:
    force = {"FORCE_COLOR": "1", "NO_COLOR": "1"}
    for arguments in (["--help"], ["tail", "--help"], ["tail", "--nothing"]):
        with process(*arguments, **force) as command:
            output, errors = command.communicate()
        assert b"\x1b" not in output + errors


def test_characters_that_steer_a_terminal_do_not_get_through() -> None:
    """C1 controls too: 0x9b is what ESC [ is."""
    odd = {**TURN, "client": "a\x9b31mb\x85\u202ec", "kind": "\x1b]0;x\x07"}
    result = invoke("tail", "--log", "-", text=f"\x9b2J\n{json.dumps(odd)}\n")

    assert not [char for char in result.stdout if not char.isprintable() and char != "\n"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["--log", "none.log"], "none.log: cannot be read: No such", id="no-file"),
        pytest.param(["--url", "http://127.0.0.1:1"], "no answer from http://", id="no-proxy"),
    ],
)
def test_tail_without_a_source_is_one_line_and_status_1(arguments: list[str], says: str) -> None:
    result = invoke("tail", "--no-follow", *arguments)

    assert result.exit_code == 1
    assert says in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "command", ["tail", "explain", "slots", "connect aider", "doctor", "run true"]
)
@pytest.mark.parametrize("key", ["schlüssel", "two words", "a\nb"], ids=["umlaut", "blank", "line"])
def test_a_key_that_no_header_can_carry_is_told(command: str, key: str) -> None:
    first, *rest = command.split()
    result = invoke(first, "--api-key", key, *rest)

    assert result.exit_code == 2
    assert "must be visible ASCII characters" in " ".join(result.stderr.replace("│", "").split())
    assert key not in result.stderr


def interrupt(command: "subprocess.Popen[bytes]") -> None:
    """Ctrl-C, until it ends. A signal that comes just before Python waits for input is noticed when the input
    comes, or with the next signal."""
    for _ in range(10):
        command.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            command.wait(10)
            return
    pytest.fail("it does not end")


def test_tail_ends_quietly_when_the_user_stops_it() -> None:
    with process("tail", "--log", "-") as tail:
        assert tail.stdin is not None
        assert tail.stdout is not None
        tail.stdin.write(json.dumps(TURN).encode() + b"\n")
        tail.stdin.flush()
        shown = tail.stdout.readline()
        interrupt(tail)  # before its input ends, which would end it as well
        output, errors = tail.communicate()

    assert b"cold" in shown
    assert (tail.returncode, output, errors) == (0, b"", b"")


def test_tail_ends_quietly_when_its_reader_leaves() -> None:
    with process("tail", "--log", "-") as tail:
        assert tail.stdout is not None
        tail.stdout.close()
        _, errors = tail.communicate(json.dumps(TURN).encode() * 3)

    assert (tail.returncode, errors) == (0, b"")
