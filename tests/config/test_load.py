"""The order of the sources, and what is refused of each in one line."""

from pathlib import Path

import pytest

from tests.config.refused import RULES, Bad, assert_refused
from warmprefix.config import Config, load
from warmprefix.core.errors import ConfigError

BAD = [
    Bad(
        "unknown-section", ("line 2: sever: unknown section", "did you mean server?"), "\n[sever]\n"
    ),
    Bad("key-outside", ("line 1: port: unknown section; port belongs into [server]",), "port = 1"),
    Bad("section-as-value", ("server: must be a section",), "server = 3"),
    Bad(
        "unknown-key",
        ("line 4: server.prot: unknown key", "did you mean server.port?"),
        "[server]\n# port = 1\n\nprot = 1",
    ),
    Bad("far-key", ("line 2: server.zzzzzzzzzzzz: unknown key",), "[server]\nzzzzzzzzzzzz = 1"),
    Bad(
        "line-after-long-strings",
        ("line 8: log.exerpts",),
        '[log]\nfile = """\nexerpts = 1\n"""\n[canonicalize]\ndisable = [\n]\n[log.exerpts]',
    ),
    Bad(
        "rule-on-and-off",
        ("line 3: canonicalize.disable: tool-order is also in canonicalize.enable", "line 2"),
        '[canonicalize]\nenable = ["tool-order"]\ndisable = ["tool-order"]',
    ),
    Bad("syntax", ("line 2: not valid TOML: Invalid value",), "[server]\nport = \n"),
    Bad("cut-short", ("line 2: not valid TOML",), '[log]\nfile = """'),
    Bad(
        "variable-unknown",
        ("environment WARMPREFIX_SERVER_PORT: unknown", "did you mean WARMPREFIX_SERVER__PORT?"),
        environ={"WARMPREFIX_SERVER_PORT": "1"},
    ),
    Bad(
        "variable-number",
        ('WARMPREFIX_SERVER__PORT: server.port: must be a whole number, not the text "x"',),
        environ={"WARMPREFIX_SERVER__PORT": "x"},
    ),
    Bad("variable-bool", ("must be true or false",), environ={"WARMPREFIX_LOG__EXCERPTS": "yes"}),
    Bad(
        "variable-list",
        ("must be a JSON list",),
        environ={"WARMPREFIX_CANONICALIZE__ENABLE": "freeze-volatile"},
    ),
    Bad("flag-range", ("flag --port: server.port: must be 0 or more",), flags={"server.port": -1}),
]


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.id)
def test_a_bad_configuration_is_refused_in_one_line_that_says_where(
    case: Bad, tmp_path: Path
) -> None:
    assert_refused(case, tmp_path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read: No such file"):
        load(tmp_path / "none.toml", {}, {})


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(b"# \xff")

    with pytest.raises(ConfigError, match=r"config\.toml: not UTF-8 text \(byte 2\)"):
        load(file, {}, {})


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


def test_the_environment_gives_every_type() -> None:
    environ = {
        "WARMPREFIX_SERVER__PORT": "1",
        "WARMPREFIX_SERVER__API_KEY": "",
        "WARMPREFIX_BACKEND__CONNECT_TIMEOUT_S": "2",
        "WARMPREFIX_BACKEND__URL": "https://host:8080/",
        "WARMPREFIX_CANONICALIZE__DISABLE": '["tool-order"]',
        "WARMPREFIX_LOG__EXCERPTS": "TRUE",
    }

    config = load(None, environ, {}, rule_names=RULES).config

    assert (config.server.port, config.server.api_key) == (1, None)
    assert config.backend.url == "https://host:8080"
    assert config.backend.connect_timeout_s == 2.0
    assert config.canonicalize.disable == ("tool-order",)
    assert config.log.excerpts is True


def test_variables_that_kubernetes_sets_for_a_service_are_not_ours() -> None:
    environ = {
        "WARMPREFIX_SERVICE_HOST": "10.0.0.1",
        "WARMPREFIX_SERVICE_PORT": "8484",
        "WARMPREFIX_SERVICE_PORT_HTTP": "8484",
        "WARMPREFIX_PORT": "tcp://10.0.0.1:8484",
        "WARMPREFIX_PORT_8484_TCP": "tcp://10.0.0.1:8484",
        "WARMPREFIX_PORT_8484_TCP_ADDR": "10.0.0.1",
    }

    assert load(None, environ, {}).config == Config()


def test_without_known_rules_every_rule_name_is_taken() -> None:
    environ = {"WARMPREFIX_CANONICALIZE__ENABLE": '["anything"]'}

    assert load(None, environ, {}).config.canonicalize.enable == ("anything",)
