"""What a file, the environment and flags give, and what of them cannot be read."""

from pathlib import Path

import pytest

from tests.config.refused import RULES, Bad, assert_refused
from warmprefix.config import Config, load
from warmprefix.config.sources import of_flags
from warmprefix.core.errors import ConfigError

BAD = [
    Bad("syntax", ("line 2: not valid TOML: Invalid value",), "[server]\nport = \n"),
    Bad("cut-short", ("line 2: not valid TOML",), '[log]\nfile = """'),
    Bad(
        "variable-unknown",
        ("environment WARMPREFIX_SERVER_PORT: unknown", "did you mean WARMPREFIX_SERVER__PORT?"),
        environ={"WARMPREFIX_SERVER_PORT": "1"},
    ),
    Bad(
        "variable-called-otherwise",
        ("WARMPREFIX_LOG__PATH: unknown", "did you mean WARMPREFIX_LOG__FILE?"),
        environ={"WARMPREFIX_LOG__PATH": "turns.log"},
    ),
    Bad(
        "variable-alone",
        ("WARMPREFIX_LOG__ZZZZ: unknown setting",),
        environ={"WARMPREFIX_LOG__ZZZZ": "1"},
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
    Bad(
        "variable-nested-deeply",
        ("must be a JSON list",),
        environ={"WARMPREFIX_SERVER__ALLOWED_HOSTS": "[" * 100_000},
    ),
    Bad(
        "variable-empty",
        ('server.port: must be a whole number, not the text ""',),
        environ={"WARMPREFIX_SERVER__PORT": ""},
    ),
]


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.id)
def test_what_cannot_be_read_is_told_in_one_line_that_says_where(case: Bad, tmp_path: Path) -> None:
    assert_refused(case, tmp_path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read: No such file"):
        load(tmp_path / "none.toml", {}, {})


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(b"# \xff")

    with pytest.raises(ConfigError, match=r"config\.toml: not UTF-8 text \(byte 2\)"):
        load(file, {}, {})


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


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(b"\xef\xbb\xbf[server]\nport = 1")

    assert load(file, {}, {}).config.server.port == 1


def test_a_flag_that_was_not_given_says_nothing() -> None:
    source = of_flags({"server.port": 5, "server.host": None, "log.file": "x"})

    assert source.values == {"server": {"port": 5}, "log": {"file": "x"}}
    assert source.place(("server", "port")) == "flag --port"
    assert source.place(("log", "file")) == "flag log.file"
