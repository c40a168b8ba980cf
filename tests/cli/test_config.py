"""`warmprefix config` shows every setting in force, and no secret. Its errors: tests/cli/test_commands.py."""

import os
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cli.test_commands import empty_folder, invoke
from warmprefix.config.running import announced, running_folder

__all__ = ["empty_folder"]


def test_its_output_is_a_file_of_settings() -> None:
    shown = invoke("config").stdout
    Path("again.toml").write_text(shown)
    again = invoke("config", "--config", "again.toml").stdout

    assert tomllib.loads(again) == tomllib.loads(shown)
    assert tomllib.loads(shown)["server"]["port"] == 8484


SOURCES: list[tuple[str, str, dict[str, str], str]] = [
    ("default", "", {}, "server.port = 8484"),
    ("file", "[server]\nport = 9\n", {}, "server.port = 9"),
    ("environment", "[server]\nport = 9\n", {"WARMPREFIX_SERVER__PORT": "10"}, "server.port = 10"),
]
NAMES = ["default", "s.toml line 2", "environment WARMPREFIX_SERVER__PORT"]


@pytest.mark.parametrize(
    ("file", "env", "setting", "source"),
    [(*row[1:], name) for row, name in zip(SOURCES, NAMES, strict=True)],
    ids=[row[0] for row in SOURCES],
)
def test_where_each_came_from_is_told(
    file: str, env: dict[str, str], setting: str, source: str
) -> None:
    Path("s.toml").write_text(file)
    lines = invoke("config", "-c", "s.toml", env=env).stdout.splitlines()
    (line,) = [line for line in lines if line.startswith("server.port = ")]

    assert line.startswith(f"{setting} ")
    assert line.endswith(f"# {source}")


@pytest.mark.parametrize("name", ["SERVER__API_KEY", "BACKEND__API_KEY"])
def test_a_key_is_not_shown(name: str) -> None:
    result = invoke("config", env={f"WARMPREFIX_{name}": "hidden"})

    assert result.exit_code == 0
    assert "hidden" not in result.stdout


def test_a_setting_is_changed_and_the_change_shown() -> None:
    Path("warmprefix.toml").write_text("# mine\n[server]\nport = 9\n")
    result = invoke("config", "set", "server.port", "10")

    assert result.exit_code == 0
    assert "-port = 9\n+port = 10\n" in result.stdout
    assert "changed warmprefix.toml; as it was: " in result.stdout
    assert Path("warmprefix.toml").read_text() == "# mine\n[server]\nport = 10\n"
    assert "server.port = 10" in invoke("config").stdout


def test_a_file_that_is_not_there_is_made_and_named() -> None:
    result = invoke("config", "set", "canonicalize.enable", "+hermes:freeze-volatile")

    assert f"made {Path('warmprefix.toml').resolve()}" in result.stdout
    assert 'canonicalize.enable = ["hermes:freeze-volatile"]' in invoke("config").stdout


@pytest.mark.parametrize("client", ["claude-code", "hermes", "codex", "opencode"])
def test_a_name_is_removed_though_it_begins_like_an_option(client: str) -> None:
    invoke("config", "set", "canonicalize.enable", f"+{client}:freeze-volatile", "+move-volatile")
    result = invoke("config", "set", "canonicalize.enable", f"-{client}:freeze-volatile")

    assert result.exit_code == 0
    assert 'enable = ["move-volatile"]' in Path("warmprefix.toml").read_text()


@pytest.mark.parametrize(
    "words", [("-c", "s.toml", "set", "log.level", "debug"),
              ("set", "log.level", "debug", "--config", "s.toml")],
)  # fmt: skip
def test_the_file_is_named_before_or_behind(words: tuple[str, ...]) -> None:
    assert invoke("config", *words).exit_code == 0
    assert Path("s.toml").exists()


def test_a_wrong_value_is_one_line_and_changes_nothing() -> None:
    Path("warmprefix.toml").write_text("[server]\nport = 9\n")
    result = invoke("config", "set", "server.port", "many")

    assert result.exit_code == 2
    assert result.stderr == (
        'warmprefix: server.port: must be a whole number, not the text "many"\n'
    )
    assert [path.name for path in Path().iterdir()] == ["warmprefix.toml"]


def test_nothing_to_change_is_said() -> None:
    Path("warmprefix.toml").write_text("[server]\nport = 9\n")

    assert "nothing to change" in invoke("config", "set", "server.port", "9").stdout
    assert not Path("warmprefix.toml.bak").exists()


def test_a_variable_that_overrides_the_file_is_named() -> None:
    result = invoke("config", "set", "log.level", "debug", env={"WARMPREFIX_LOG__LEVEL": "info"})

    assert "environment WARMPREFIX_LOG__LEVEL overrides it" in result.stderr


def test_the_settings_are_those_of_the_proxy_that_runs(tmp_path: Path) -> None:
    folder = running_folder(os.environ)
    with announced(
        folder, "http://127.0.0.1:9", [], str(tmp_path / "own.toml"), ["server.port = 9"]
    ):
        shown = invoke("config")
        named = invoke("config", "-c", "other.toml")
        Path("other.toml").touch()
        other = invoke("config", "-c", "other.toml")

    assert shown.stdout.splitlines() == [
        f"# in force in http://127.0.0.1:9 (process {os.getpid()})",
        "server.port = 9",
    ]
    assert named.exit_code == 2
    assert "server.port = 8484" in other.stdout


def test_a_change_goes_to_the_file_of_the_proxy_that_runs(tmp_path: Path) -> None:
    own = tmp_path / "elsewhere" / "own.toml"
    own.parent.mkdir()
    with announced(running_folder(os.environ), "http://127.0.0.1:9", [], str(own)):
        used = invoke("config", "set", "canonicalize.enable", "+freeze-volatile")
        later = invoke("config", "set", "server.port", "9")

    assert "freeze-volatile" in own.read_text()
    assert f"`kill -HUP {os.getpid()}` makes http://127.0.0.1:9 use it." in used.stdout
    assert "Start `warmprefix serve` again to use it." in later.stdout
    assert not Path("warmprefix.toml").exists()


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two proxies that run, with a.toml and b.toml."""
    folder = running_folder(os.environ)
    with ExitStack() as stack:
        for pid, name in ((os.getpid(), "a"), (1, "b")):  # of processes that run
            monkeypatch.setattr("os.getpid", lambda pid=pid: pid)
            url, file = f"http://{name}:9", str(tmp_path / f"{name}.toml")
            stack.enter_context(announced(folder, url, [], file, [f"log.level = '{name}'"]))
        yield


def test_of_several_one_is_named_by_its_address(two: None) -> None:
    unnamed = invoke("config")
    named = invoke("config", "--url", "http://b:9/")
    other = invoke("config", "--url", "http://c:9")

    assert (unnamed.exit_code, unnamed.stdout) == (2, "")
    assert "http://a:9" in unnamed.stderr
    assert unnamed.stderr.endswith("; name one with --url\n")
    assert "log.level = 'b'" in named.stdout
    assert other.exit_code == 2
    assert "no proxy at http://c:9 runs on this machine; these do: " in other.stderr


def test_of_several_the_file_to_change_must_be_named(two: None, tmp_path: Path) -> None:
    unnamed = invoke("config", "set", "log.level", "debug")
    named = invoke("config", "set", "log.level", "debug", "--config", str(tmp_path / "b.toml"))

    assert unnamed.exit_code == 2
    assert "name the file of one with --config: " in unnamed.stderr
    assert f"{tmp_path / 'b.toml'} of http://b:9" in unnamed.stderr
    assert named.exit_code == 0
    assert [file.name for file in tmp_path.glob("*.toml")] == ["b.toml"]


def test_a_file_that_all_of_them_have_is_changed(tmp_path: Path) -> None:
    folder, file = running_folder(os.environ), str(tmp_path / "own.toml")
    with announced(folder, "http://a:9", [], file):
        (folder / "1.json").write_text((folder / f"{os.getpid()}.json").read_text())
        assert invoke("config", "set", "log.level", "debug").exit_code == 0

    assert "debug" in (tmp_path / "own.toml").read_text()
