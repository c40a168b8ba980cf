"""The configuration: order of the sources, every refusal in one line, the example file."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from warmprefix.config import Config, effective_lines, ledger_path, load, log_path
from warmprefix.config.schema import KEYS, LogConfig, MemoryConfig
from warmprefix.core.errors import ConfigError

EXAMPLE = Path(__file__).parent.parent / "config.example.toml"
RULES = frozenset({"tool-order", "freeze-volatile", "edge-whitespace"})


@dataclass(frozen=True)
class Bad:
    """A configuration that must be refused; `says` are the parts of the message."""

    id: str
    says: tuple[str, ...]
    toml: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, object] = field(default_factory=dict)


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
        "text-for-number",
        ('line 2: server.port: must be a whole number, not the text "8484"',),
        '[server]\nport = "8484"',
    ),
    Bad("bool-for-number", ("must be a whole number, not true",), "[server]\nport = true"),
    Bad("bool-for-float", ("must be a number, not false",), "[server]\nshutdown_grace_s = false"),
    Bad("float-for-int", ("must be a whole number, not the number 1.5",), "[server]\nport = 1.5"),
    Bad("number-for-bool", ("must be true or false, not the number 1",), "[log]\nexcerpts = 1"),
    Bad("date-for-text", ("must be text, not a date",), "[log]\nfile = 2026-01-01"),
    Bad("table-for-text", ("must be text, not a table",), "[log]\nfile = {}"),
    Bad("text-for-list", ("must be a list of texts",), '[canonicalize]\nenable = "x"'),
    Bad("list-of-numbers", ("one of its elements is not",), "[canonicalize]\nenable = [1]"),
    Bad(
        "unknown-choice",
        ('"llamacp" is not one of auto, lemonade, llamacpp', "did you mean llamacpp?"),
        '[backend]\nkind = "llamacp"',
    ),
    Bad("port-too-large", ("must be 65535 or less, not 65536",), "[server]\nport = 65536"),
    Bad("negative", ("must be 0 or more, not -1",), "[log]\nbackups = -1"),
    Bad("zero", ("must be more than 0, not 0.0",), "[backend]\nconnect_timeout_s = 0"),
    Bad("infinite", ("must be finite",), "[backend]\nconnect_timeout_s = inf"),
    Bad("not-a-number", ("must be finite",), "[memory]\nmax_age_s = nan"),
    Bad("url-without-scheme", ("is not an address",), '[backend]\nurl = "127.0.0.1:8080"'),
    Bad("url-other-scheme", ("is not an address",), '[backend]\nurl = "ftp://host"'),
    Bad("url-bad-port", ("not an address",), '[backend]\nurl = "http://host:99999"'),
    Bad("url-with-user", ("no user name",), '[backend]\nurl = "http://me:pw@host"'),
    Bad("url-with-v1", ("leave out /v1",), '[backend]\nurl = "http://host:1/v1/"'),
    Bad("key-with-blank", ("visible ASCII",), '[server]\napi_key = "a b"'),
    Bad(
        "rule-unknown",
        ('no rule is called "tool-oder"; did you mean tool-order?',),
        '[canonicalize]\ndisable = ["tool-oder"]',
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
    file = tmp_path / "config.toml"
    file.write_text(case.toml)

    with pytest.raises(ConfigError) as refused:
        load(file, case.environ, case.flags, rule_names=RULES)

    message = str(refused.value)
    assert "\n" not in message
    assert all(part in message for part in case.says), message
    assert not case.toml or message.startswith(f"{file} line ")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read: No such file"):
        load(tmp_path / "none.toml", {}, {})


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(b"# \xff")

    with pytest.raises(ConfigError, match=r"config\.toml: not UTF-8 text \(byte 2\)"):
        load(file, {}, {})


def test_a_secret_is_never_part_of_a_message() -> None:
    with pytest.raises(ConfigError) as refused:
        load(None, {"WARMPREFIX_SERVER__API_KEY": "se cret"}, {})

    assert "cret" not in str(refused.value)


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


def test_the_example_holds_every_key_with_its_default() -> None:
    effective = load(EXAMPLE, {}, {}, rule_names=frozenset())

    assert effective.config == Config()
    assert [path for path in KEYS if effective.sources[path] == "default"] == []


@pytest.mark.parametrize("path", KEYS)
def test_the_example_says_meaning_unit_and_choices_of_a_key(path: str) -> None:
    key = KEYS[path]
    section = EXAMPLE.read_text().split(f"[{key.section}]")[1]
    comment = section.split(f"\n{key.name} = ")[0].rsplit("\n\n", 1)[1]
    told = " ".join(line.removeprefix("# ") for line in comment.splitlines())

    assert key.setting.meaning in told
    assert not key.setting.unit or f"Unit: {key.setting.unit}." in told
    assert all(choice in told for choice in key.choices)


def test_numbers_with_a_unit_in_their_name_tell_it() -> None:
    units = {"_s": "seconds", "_bytes": "bytes"}

    wrong = [
        path
        for path, key in KEYS.items()
        for ending, unit in units.items()
        if path.endswith(ending) and key.setting.unit != unit and not isinstance(key.default, tuple)
    ]

    assert wrong == []


def test_the_effective_configuration_is_toml_that_loads_to_the_same(tmp_path: Path) -> None:
    hosts = json.dumps(['quo"te', "ünï"])
    before = load(None, {"WARMPREFIX_SERVER__ALLOWED_HOSTS": hosts}, {"server.port": 5})
    file = tmp_path / "printed.toml"
    file.write_text("\n".join(effective_lines(before)))

    assert load(file, {}, {}).config == before.config


def test_the_effective_configuration_names_sources_and_masks_the_key() -> None:
    lines = effective_lines(load(None, {}, {"server.port": 5, "server.api_key": "secret"}))

    assert any(re.fullmatch(r"server\.port = 5 +# flag --port", line) for line in lines)
    assert len({line.index("   # ") for line in lines}) == 1
    assert "secret" not in "".join(lines)
    assert len(lines) == len(KEYS)


LEDGER_PATHS = [
    pytest.param("/x/l.db", {}, Path("/x/l.db"), id="given"),
    pytest.param("~/l.db", {}, Path.home() / "l.db", id="home"),
    pytest.param("", {"XDG_DATA_HOME": "/d"}, Path("/d/warmprefix/ledger.db"), id="xdg"),
    pytest.param(
        "",
        {"XDG_DATA_HOME": "relative"},
        Path.home() / ".local/share/warmprefix/ledger.db",
        id="xdg-relative-is-ignored",
    ),
    pytest.param("", {}, Path.home() / ".local/share/warmprefix/ledger.db", id="default"),
]


@pytest.mark.parametrize(("path", "environ", "expected"), LEDGER_PATHS)
def test_the_ledger_lives_in_the_data_folder_unless_named(
    path: str, environ: Mapping[str, str], expected: Path
) -> None:
    assert ledger_path(MemoryConfig(path=path), environ) == expected


def test_the_log_has_a_file_only_when_named() -> None:
    assert log_path(LogConfig()) is None
    assert log_path(LogConfig(file="~/turns.log")) == Path.home() / "turns.log"
