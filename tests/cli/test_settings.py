"""Which configuration a command has, and how a wrong one ends it."""

from pathlib import Path

import pytest
import typer

from tests.cli.test_commands import empty_folder
from warmprefix.cli.settings import USAGE_STATUS, effective, one_line_errors
from warmprefix.core.errors import ConfigError

__all__ = ["empty_folder"]

PORTS: list[tuple[str, str | None, str | None, dict[str, object], int]] = [
    ("default", None, None, {}, 8484),
    ("file-of-the-folder", "[server]\nport = 1\n", None, {}, 1),
    ("named-file", "[server]\nport = 1\n", "[server]\nport = 2\n", {}, 2),
    ("flag", "[server]\nport = 1\n", None, {"server.port": 3}, 3),
    ("flag-that-was-not-given", "[server]\nport = 1\n", None, {"server.port": None}, 1),
]


@pytest.mark.parametrize(
    ("here", "named", "flags", "port"), [row[1:] for row in PORTS], ids=[row[0] for row in PORTS]
)
def test_a_setting_comes_from_the_nearest_source(
    here: str | None, named: str | None, flags: dict[str, object], port: int
) -> None:
    if here is not None:
        Path("warmprefix.toml").write_text(here)
    if named is not None:
        Path("named.toml").write_text(named)
    file = None if named is None else Path("named.toml")

    assert effective(file, flags).config.server.port == port


@pytest.mark.parametrize(
    ("rule", "is_known"),
    [
        pytest.param("edge-whitespace", True, id="rule"),
        pytest.param("hermes:edge-whitespace", True, id="of-a-client"),
        pytest.param("nobody:edge-whitespace", False, id="of-no-client"),
        pytest.param("no-such-rule", False, id="none"),
    ],
)
def test_rules_are_named_for_all_clients_or_one(rule: str, is_known: bool) -> None:
    Path("warmprefix.toml").write_text(f'canonicalize.disable = ["{rule}"]\n')
    if is_known:
        assert effective(None, {}).config.canonicalize.disable == (rule,)
        return
    with pytest.raises(ConfigError, match=rule):
        effective(None, {})


def test_a_wrong_setting_ends_the_command_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended, one_line_errors():
        raise ConfigError("port: too many")

    assert ended.value.exit_code == USAGE_STATUS == 2
    assert capsys.readouterr() == ("", "warmprefix: port: too many\n")


def test_any_other_error_is_none_of_the_settings() -> None:
    with pytest.raises(KeyError), one_line_errors():
        raise KeyError
