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
MESSAGES = {
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": name, "name": "f", "input": {}} for name in ("a", "b")]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "b", "content": "B"},
            {"type": "tool_result", "tool_use_id": "a", "content": "A"},
            {"type": "text", "text": "Go."}]},
    ],
}  # fmt: skip
RESPONSES = {
    "instructions": "Be brief. ",
    "input": [
        {"type": "message", "id": "m1", "role": "user", "content": "q"},
        {"type": "function_call", "id": "fc_1", "call_id": "a", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": "x"},
    ],
}


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


@pytest.mark.parametrize(
    ("client", "system", "is_stripped"),
    [
        ("", "Be brief.", True),
        ("hermes", "You are Hermes Agent.", True),
        ("pi", "Be brief.", False),
    ],
)
def test_text_that_the_settings_leave_out_is_left_out_for_its_client(
    client: str, system: str, is_stripped: bool, tmp_path: Path
) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(
        "[[canonicalize.volatile]]\nname = 'mood'\npattern = 'Mood: [a-z]+'\nexample = 'Mood: glad'\n"
        f"use = 'strip'\nclient = '{client}'\n"
    )
    messages = [
        {"role": "system", "content": f"{system}\nMood: sad"},
        {"role": "user", "content": "q"},
    ]
    body = json.dumps({"messages": messages})

    for flags in ((), ("--diff",)):
        result = invoke("--config", str(settings), *flags, text=body)

        assert result.exit_code == 0
        assert ("strip-volatile" in result.stdout) is (is_stripped and bool(flags))
    bare = json.loads(invoke("--config", str(settings), text=body).stdout)["messages"][0]["content"]
    assert ("Mood" in bare) is not is_stripped


def test_rules_of_the_settings_and_of_the_flags_are_added_up(tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text("[canonicalize]\ndisable = ['unknown-fields']\n")
    flags = ("--disable", "edge-whitespace")

    body = json.loads(invoke("--config", str(settings), *flags, text=MARKED).stdout)["messages"][1]

    assert (body["content"], body["finish_reason"]) == ("x\n", "stop")


def test_wrong_settings_are_said(tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text("[canonicalize]\ndisable = ['unknown']\n")

    assert invoke("--config", str(settings), text=PLAIN).exit_code == 2


def test_a_disabled_rule_changes_nothing() -> None:
    result = invoke("--disable", "unknown-fields", text=MARKED)

    assert "finish_reason" in result.stdout


def test_what_is_not_understood_is_written_as_it_came_with_status_1() -> None:
    result = invoke(text=f"{PLAIN}\nnot json\n")

    assert result.exit_code == 1
    assert result.stdout.splitlines()[1] == "not json"
    assert result.stderr.startswith("warmprefix: line 2: not understood: ")


@pytest.mark.parametrize(
    "flags", [(), ("--endpoint", "/v1/messages?beta=true")], ids=["shape", "named"]
)
def test_a_body_of_the_messages_api(flags: tuple[str, ...]) -> None:
    body, diff = (
        invoke(*more, *flags, text=json.dumps(MESSAGES)).stdout for more in ((), ("--diff",))
    )

    *_, results, text = json.loads(body)["messages"]
    assert json.loads(body)["system"] == "Be brief."
    assert [block["tool_use_id"] for block in results["content"]] == ["a", "b"]
    assert text == {"role": "user", "content": "Go."}
    for told in ("results-first (neutral)", "part-marks (lossless)", "tool-result-order (neutral)"):
        assert f"standard input: {told}" in diff
    assert "  messages[2]\n" in diff
    assert "  system\n" in diff
    assert invoke(*flags, text=body).stdout == body
    assert "already canonical" in invoke("--diff", *flags, text=body).stdout


@pytest.mark.parametrize("flags", [(), ("--endpoint", "/responses")], ids=["shape", "named"])
def test_a_body_of_the_responses_api(flags: tuple[str, ...]) -> None:
    body, diff = (
        invoke(*more, *flags, text=json.dumps(RESPONSES)).stdout for more in ((), ("--diff",))
    )

    first, called, output = json.loads(body)["input"]
    assert json.loads(body)["instructions"] == "Be brief."
    assert first["content"] == [{"type": "input_text", "text": "q"}]
    assert (called["call_id"], output["output"]) == ("a", "x")
    assert "edge-whitespace (neutral)" in diff
    assert invoke(*flags, text=body).stdout == body


def test_bodies_of_several_apis_in_one_file() -> None:
    lines = [PLAIN, json.dumps(MESSAGES), json.dumps(RESPONSES)]

    result = invoke("--diff", text="\n".join(lines))

    assert result.exit_code == 0
    assert "line 2: results-first" in result.stdout
    assert "line 3: edge-whitespace" in result.stdout


def test_a_named_endpoint_is_believed() -> None:
    refused = invoke("--endpoint", "/v1/responses", text=json.dumps(MESSAGES))
    unknown = invoke("--endpoint", "/v1/message", text=PLAIN)

    assert refused.exit_code == 1
    assert "not understood" in refused.stderr
    assert unknown.exit_code == 2
    assert "/v1/chat/completions, /v1/messages, /v1/responses" in unknown.stderr


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
