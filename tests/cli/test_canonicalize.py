"""`warmprefix canonicalize`: one body or many, the diff, what is not understood."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from warmprefix.cli import app
from warmprefix.cli.canonicalize import bodies

BODY = '{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"x\\n"%s},%s]}'
LAST = '{"role":"user","content":"next"}'
PLAIN = BODY % ("", LAST)
MARKED = BODY % (',"finish_reason":"stop"', LAST)


def invoke(*arguments: str, text: str = "") -> Result:
    return CliRunner().invoke(app, ["canonicalize", *arguments], input=text, env={"NO_COLOR": "1"})


def test_equal_prompts_have_equal_bytes() -> None:
    plain, marked = invoke(text=PLAIN), invoke(text=MARKED)

    assert (plain.exit_code, marked.exit_code) == (0, 0)
    assert plain.stdout == marked.stdout
    assert "finish_reason" not in marked.stdout
    assert json.loads(marked.stdout)["messages"][0] == {"role": "user", "content": "q"}


def test_json_lines_give_one_body_a_line() -> None:
    result = invoke(text=f"{PLAIN}\n\n{MARKED}\n")

    first, second = result.stdout.splitlines()
    assert first == second


def test_a_file_is_read_and_the_diff_says_rule_place_and_change(tmp_path: Path) -> None:
    file = tmp_path / "body.json"
    file.write_text(MARKED)

    result = invoke(str(file), "--diff")

    assert result.exit_code == 0
    assert "unknown-fields (lossless)" in result.stdout
    assert "messages[1]" in result.stdout
    assert "finish_reason" in result.stdout


def test_the_diff_of_a_canonical_body_says_so() -> None:
    canonical = invoke(text=MARKED).stdout

    assert "already canonical" in invoke("--diff", text=canonical).stdout


def test_a_disabled_rule_changes_nothing() -> None:
    result = invoke("--disable", "unknown-fields", text=MARKED)

    assert "finish_reason" in result.stdout


def test_what_is_not_understood_is_written_as_it_came_with_status_1() -> None:
    result = invoke(text=f"{PLAIN}\nnot json\n")

    assert result.exit_code == 1
    assert result.stdout.splitlines()[1] == "not json"
    assert result.stderr.startswith("warmprefix: line 2: not understood: ")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b'{"a": 1}\n', [(0, b'{"a": 1}')], id="one"),
        pytest.param(b'{\n"a": 1}', [(0, b'{\n"a": 1}')], id="one-over-lines"),
        pytest.param(b"{}\n\n[]\n", [(1, b"{}"), (3, b"[]")], id="json-lines"),
        pytest.param(b"", [(0, b"")], id="empty"),
    ],
)
def test_the_input_is_one_body_or_json_lines(
    data: bytes, expected: list[tuple[int, bytes]]
) -> None:
    assert bodies(data) == expected
