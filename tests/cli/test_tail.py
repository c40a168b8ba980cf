"""Where `warmprefix tail` takes its lines from, how it shows them and ends. Run: tests/cli/test_commands.py."""

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from tests.cli.test_explain_text import TURN
from warmprefix.cli.tail import (
    is_coloured,
    log_lines,
    plain_console,
    quiet_end,
    running_line,
    show,
)

LINE = json.dumps({**TURN, "break": None}).encode() + b"\n"
BROKEN = json.dumps(TURN).encode() + b"\n"


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No colours, and room for a line."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        pytest.param(2, [b"b\n", b"c"], id="last"),
        pytest.param(9, [b"a\n", b"b\n", b"c"], id="all"),
        pytest.param(0, [], id="none"),
    ],
)
def test_the_last_lines_of_a_log(tmp_path: Path, last: int, expected: list[bytes]) -> None:
    log = tmp_path / "t.log"
    log.write_bytes(b"a\nb\nc")

    assert list(log_lines(log, last, follow=False)) == expected


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a\nb\n")))

    assert list(log_lines(Path("-"), 1, follow=False)) == [b"b\n"]


def test_a_log_that_is_still_to_come_is_waited_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "t.log"

    def appear(seconds: float) -> None:
        log.write_bytes(b"a\n")

    monkeypatch.setattr("time.sleep", appear)
    assert next(log_lines(log, 5, follow=True)) == b"a\n"
    assert capsys.readouterr().err == f"warmprefix: {log} is not there yet; waiting for it\n"


def test_one_that_cannot_be_read_ends_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended:
        list(log_lines(tmp_path, 5, follow=False))

    assert ended.value.exit_code == 1
    assert "cannot be read: Is a directory" in capsys.readouterr().err


SHOWN: list[tuple[str, bytes, bool, int]] = [
    ("turn", LINE, False, 1),
    ("blank", b" \n", False, 0),
    ("other", b"INFO: started\n", False, 1),
    ("break", BROKEN, False, 1),
    ("break-explained", BROKEN, True, 5),
    ("turn-explained", LINE, True, 1),
]


@pytest.mark.parametrize(
    ("line", "explain", "count"), [row[1:] for row in SHOWN], ids=[row[0] for row in SHOWN]
)
def test_a_line_is_shown(
    capsys: pytest.CaptureFixture[str], line: bytes, explain: bool, count: int
) -> None:
    show([line], explain=explain)

    assert len(capsys.readouterr().out.splitlines()) == count


def test_each_line_is_shown_before_the_next_one_is_waited_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen: list[str] = []

    def lines() -> Iterator[bytes]:
        yield b"one\n"
        seen.append(capsys.readouterr().out)
        yield b"two\n"

    show(lines())

    assert seen == ["one\n"]


def test_only_a_terminal_has_a_line_of_what_runs() -> None:
    with running_line("http://127.0.0.1:1", None, follow=True) as line:
        assert line is None


def test_colours_are_for_terminals_and_for_who_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_coloured(plain_console())
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert not is_coloured(plain_console())
    monkeypatch.delenv("NO_COLOR")

    assert is_coloured(plain_console())


@pytest.mark.parametrize("error", [KeyboardInterrupt, BrokenPipeError, SystemExit])
def test_an_end_from_outside_is_no_failure(
    error: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "out").open("w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        with pytest.raises(typer.Exit) as ended, quiet_end():
            raise error

    assert ended.value.exit_code == 0


def test_another_error_is_one() -> None:
    with pytest.raises(ValueError, match="x"), quiet_end():
        raise ValueError("x")
