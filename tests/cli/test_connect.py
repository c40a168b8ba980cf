"""`warmprefix connect` in front of a running proxy: printed, written, taken back, refused."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import Result

from tests.cli.test_commands import empty_folder, invoke
from tests.fakes.pages import serving

__all__ = ["empty_folder"]

MODELS = {"data": [{"id": "qwen3", "meta": {"n_ctx": 65536}}, {"id": "bare"}]}
OPENCODE = Path(".config/opencode/opencode.json")
GONE = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without settings, and a machine on which no proxy runs."""
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "CLAUDE_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    return tmp_path


async def connect(*arguments: str, pages: object = MODELS) -> tuple[Result, str]:
    """`warmprefix connect` in front of a proxy with these models, and the proxy's address."""
    async with serving({"/v1/models": pages}) as proxy:
        result = await asyncio.to_thread(invoke, "connect", *arguments, "--url", proxy.url)
        return result, proxy.url


def test_the_settings_are_shown_with_address_model_and_context() -> None:
    result, url = asyncio.run(connect("opencode"))

    assert result.exit_code == 0
    assert f'"baseURL": "{url}/v1"' in result.stdout
    assert '"context": 65536' in result.stdout
    assert '"model": "warmprefix/qwen3"' in result.stdout
    assert "opencode:freeze-volatile" in result.stdout
    assert not OPENCODE.exists()


async def test_what_is_written_is_shown_and_can_be_taken_back(home: Path) -> None:
    before = '{\n  // mine\n  "theme": "dark",\n  "apiKey": "sk-secret"\n}\n'
    (home / OPENCODE).parent.mkdir(parents=True)
    (home / OPENCODE).write_text(before)

    written, _ = await connect("opencode", "--write")
    text = (home / OPENCODE).read_text()
    again, _ = await connect("opencode", "--write", "--model", "bare")
    taken = invoke("connect", "opencode", "--undo")

    assert "// mine" in text
    assert '"theme": "dark"' in text
    assert '+  "model": "warmprefix/qwen3"' in written.stdout
    assert "sk-secret" not in written.stdout
    assert "the context of bare is not known" in again.stderr
    assert (taken.exit_code, (home / OPENCODE).read_text()) == (0, before)


async def test_writing_the_same_twice_changes_nothing(home: Path) -> None:
    async with serving({"/v1/models": MODELS}) as proxy:
        arguments = ("connect", "continue", "--write", "--url", proxy.url)
        first = await asyncio.to_thread(invoke, *arguments)
        second = await asyncio.to_thread(invoke, *arguments)

    assert "wrote " in first.stdout
    assert "schema: v1" in (home / ".continue" / "config.yaml").read_text()
    assert "nothing to change" in second.stdout


async def test_a_key_is_written_and_not_shown(home: Path) -> None:
    result, _ = await connect("claude-code", "--write", "--api-key", "hush-hush")
    value = json.loads((home / ".claude" / "settings.json").read_text())

    assert value["env"]["ANTHROPIC_AUTH_TOKEN"] == "hush-hush"
    assert "hush" not in result.stdout


async def test_another_file_can_be_named(home: Path) -> None:
    result, _ = await connect("opencode", "--write", "--file", "project.json")

    assert "wrote project.json" in result.stdout
    assert not (home / OPENCODE).exists()


UNTOUCHED = [
    pytest.param(b"{a: 1}", "line 1: a name", id="not-json"),
    pytest.param(b"[]", "holds no table", id="a-list"),
    pytest.param(b"\xff{}", "not UTF-8", id="not-utf-8"),
]


@pytest.mark.parametrize(("data", "why"), UNTOUCHED)
async def test_a_file_that_cannot_be_read_is_not_touched(data: bytes, why: str, home: Path) -> None:
    (home / OPENCODE).parent.mkdir(parents=True)
    (home / OPENCODE).write_bytes(data)

    result, _ = await connect("opencode", "--write")

    assert result.exit_code == 2
    assert why in result.stderr
    assert "it is left as it is" in result.stderr
    assert (home / OPENCODE).read_bytes() == data


def test_without_a_client_all_are_listed() -> None:
    result = invoke("connect")

    assert result.exit_code == 0
    assert "claude-code" in result.stdout
    assert "http://127.0.0.1:8484/v1" in result.stdout


def test_without_a_proxy_the_recipe_is_shown_with_a_place_for_the_model() -> None:
    result = invoke("connect", "aider", "--url", GONE)

    assert result.exit_code == 0
    assert "openai/NAME" in result.stdout
    assert "Connection refused" in result.stderr
    assert "Errno" not in result.stderr


WRONG = [
    pytest.param(("opencod",), "did you mean opencode?", id="unknown"),
    pytest.param(("--write",), "for which client?", id="none"),
    pytest.param(("n8n", "--write", "--model", "m", "--url", GONE), "no settings file", id="by-hand"),
    pytest.param(("zed", "--write", "--url", GONE), "which model?", id="no-model"),
    pytest.param(("zed", "--undo"), "nothing was written for zed", id="nothing-to-undo"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "why"), WRONG)
def test_a_mistake_is_told_and_nothing_is_written(arguments: tuple[str, ...], why: str) -> None:
    result = invoke("connect", *arguments)

    assert result.exit_code == 2
    assert why in result.stderr
    assert list(Path().rglob("*.json")) == []


def test_what_is_recommended_is_switched_on_in_our_own_settings() -> None:
    first = invoke("connect", "opencode", "--recommended", "--url", GONE)
    second = invoke("connect", "opencode", "--recommended", "--url", GONE)
    none = invoke("connect", "n8n", "--recommended", "--url", GONE)

    assert "opencode:freeze-tool-descriptions" in Path("warmprefix.toml").read_text()
    assert "+enable = " in first.stdout
    assert "already on" in second.stdout
    assert "nothing is recommended for n8n" in none.stdout
