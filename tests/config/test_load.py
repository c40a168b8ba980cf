"""The order of the sources, and what they must not say together."""

from pathlib import Path

from tests.config.refused import Bad, assert_refused
from warmprefix.config import Config, load

ON_AND_OFF = Bad(
    "rule-on-and-off",
    ("line 3: canonicalize.disable: tool-order is also in canonicalize.enable", "line 2"),
    '[canonicalize]\nenable = ["tool-order"]\ndisable = ["tool-order"]',
)


def test_a_rule_that_is_on_and_off_is_refused(tmp_path: Path) -> None:
    assert_refused(ON_AND_OFF, tmp_path)


def test_without_anything_everything_has_its_default() -> None:
    effective = load(None, {}, {})

    assert effective.config == Config()
    assert {*effective.sources.values()} == {"default"}


def test_flags_win_over_the_environment_which_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[server]\nhost = "a"\nport = 1\nmax_body_bytes = 3\n')
    environ = {"WARMPREFIX_SERVER__HOST": "b", "WARMPREFIX_SERVER__PORT": "2", "OTHER": "x"}

    effective = load(file, environ, {"server.host": "c", "backend.url": None})

    server = effective.config.server
    assert (server.host, server.port, server.max_body_bytes) == ("c", 2, 3)
    assert effective.sources["server.host"] == "flag --host"
    assert effective.sources["server.port"] == "environment WARMPREFIX_SERVER__PORT"
    assert effective.sources["server.max_body_bytes"] == f"{file} line 4"
    assert effective.sources["backend.url"] == "default"


def test_the_last_source_decides_what_is_on_and_off(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(ON_AND_OFF.toml)

    config = load(file, {"WARMPREFIX_CANONICALIZE__DISABLE": "[]"}, {}).config

    assert config.canonicalize.enable == ("tool-order",)
