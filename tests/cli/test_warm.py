"""`warmprefix warm`: what it prints, and its exit status."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.fakes.running_proxy import Backend, Json, running_proxy
from warmprefix.cli import app
from warmprefix.cli.warm import report

STEP = {"read": 512, "tokens": 1500, "evaluated": 512, "id": "", "failure": ""}
SAVED = {"read": 1500, "tokens": 1500, "evaluated": 1500, "id": "5b1c", "failure": ""}


@pytest.mark.parametrize(
    ("lines", "status", "out", "err"),
    [
        pytest.param(
            [STEP, SAVED],
            0,
            "opening 5b1c: 1,500 tokens, 1,500 of them evaluated now\n",
            "read 512 of 1,500 tokens",
            id="read",
        ),
        pytest.param(
            [SAVED | {"evaluated": 0}],
            0,
            "opening 5b1c: 1,500 tokens, saved before\n",
            "",
            id="again",
        ),
        pytest.param([STEP, STEP | {"failure": "no room"}], 1, "", "no room", id="failed"),
        pytest.param([STEP], 1, "", "the proxy ended the connection", id="cut"),
        pytest.param([], 1, "", "the proxy ended the connection", id="nothing"),
    ],
)
def test_what_it_prints(
    lines: list[Json], status: int, out: str, err: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(lines) == status
    printed = capsys.readouterr()
    assert printed.out == out
    assert err in printed.err


@pytest.mark.parametrize(
    ("text", "endpoint", "says"),
    [
        ("{}", "/v1/embeddings", "/v1/embeddings is no endpoint that carries prompts"),
        ("[]", "/v1/messages", "The body is no JSON object."),
    ],
)
async def test_what_is_refused_is_said(text: str, endpoint: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "agent.json"
    file.write_text(text)
    async with Backend() as backend, running_proxy(backend.url) as proxy:
        line = ["warm", str(file), "--endpoint", endpoint, "--url", proxy.url]
        result = await asyncio.to_thread(CliRunner().invoke, app, line)

    assert result.exit_code == 2
    assert says in result.stderr


def test_a_missing_file_and_a_proxy_that_is_not_there_are_named(tmp_path: Path) -> None:
    runner = CliRunner()
    missing = runner.invoke(app, ["warm", str(tmp_path / "no.json")])
    file = tmp_path / "agent.json"
    file.write_text("{}")
    nobody = runner.invoke(app, ["warm", str(file), "--url", "http://127.0.0.1:9"])

    assert (missing.exit_code, nobody.exit_code) == (2, 2)
    assert "No such file" in missing.stderr
    assert "--url names another" in nobody.stderr
