"""`warmprefix config` shows every setting in force, and no secret. Its errors: tests/cli/test_commands.py."""

import tomllib
from pathlib import Path

import pytest

from tests.cli.test_commands import empty_folder, invoke

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
