"""What pydantic finds wrong, in our words: one line that says where, and all of them at once."""

from datetime import date, datetime, time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.config.refused import RULES, Bad, assert_refused, message_of
from warmprefix.config import load
from warmprefix.config.schema import KEYS
from warmprefix.core.errors import ConfigError

BAD = [
    Bad(
        "unknown-section", ("line 2: sever: unknown section", "did you mean server?"), "\n[sever]\n"
    ),
    Bad("key-outside", ("line 1: port: unknown section; port belongs in [server]",), "port = 1"),
    Bad("section-as-value", ("server: must be a section",), "server = 3"),
    Bad(
        "unknown-key",
        ("line 4: server.prot: unknown key", "did you mean server.port?"),
        "[server]\n# port = 1\n\nprot = 1",
    ),
    Bad(
        "other-word", ("line 2: log.path: unknown key", "did you mean log.file?"), "[log]\npath = 1"
    ),
    Bad("far-key", ("line 2: server.zzzzzzzzzzzz: unknown key",), "[server]\nzzzzzzzzzzzz = 1"),
    Bad(
        "line-after-long-strings",
        ("line 8: log.exerpts",),
        '[log]\nfile = """\nexerpts = 1\n"""\n[canonicalize]\ndisable = [\n]\n[log.exerpts]',
    ),
    Bad("flag-range", ("flag --port: server.port: must be 0 or more",), flags={"server.port": -1}),
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
    Bad("zero", ("must be more than 0, not 0",), "[backend]\nconnect_timeout_s = 0"),
    Bad("infinite", ("must be finite",), "[backend]\nconnect_timeout_s = inf"),
    Bad("not-a-number", ("must be finite",), "[memory]\nmax_age_s = nan"),
    Bad("beyond-64-bits", ("not one of 80 bits",), "[server]\nport = 0xffffffffffffffffffff"),
]


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.id)
def test_a_bad_value_is_refused_in_one_line_that_says_where(case: Bad, tmp_path: Path) -> None:
    assert_refused(case, tmp_path)


EVERYTHING = """
[server]
port = 65536
prot = 1

[[backends]]
url = "http://one:1"
wight = 2

[[backends]]
models = [1, 2]

[canonicalize]
enable = ["tool-order", "tool-oder", "oder"]
disable = ["tool-order"]

[backend]
kind = "lemonade"

[sever]
"""


def test_all_that_is_wrong_is_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    environ = {"WARMPREFIX_X": "", "WARMPREFIX_LOG__BACKUPS": "x"}

    said = message_of(Bad("", (), EVERYTHING, environ, {"server.port": -1}), tmp_path)

    file = tmp_path / "config.toml"
    assert said.splitlines() == [
        f"{file} line 3: server.port: must be 65535 or less, not 65536",
        f"{file} line 4: server.prot: unknown key; did you mean server.port?",
        f"{file} line 8: backends[0].wight: unknown key; did you mean weight?",
        f"{file} line 10: backends[1]: url is missing",
        f"{file} line 11: backends[1].models: must be a list of texts; one of its elements is not",
        f'{file} line 14: canonicalize.enable: no rule is called "tool-oder"; did you mean tool-order?',
        f'{file} line 14: canonicalize.enable: no rule is called "oder"; did you mean tool-order?',
        f"{file} line 20: sever: unknown section; did you mean server?",
        "environment WARMPREFIX_X: unknown setting",
        'environment WARMPREFIX_LOG__BACKUPS: log.backups: must be a whole number, not the text "x"',
        "flag --port: server.port: must be 0 or more, not -1",
        f"{file} line 18: backend.kind: [[backends]] are set too ({file} line 6); "
        "leave out one of the two",
    ]


def test_a_value_that_another_source_overrides_is_checked_too(tmp_path: Path) -> None:
    case = Bad("", (), "[server]\nport = 65536", {"WARMPREFIX_SERVER__PORT": "1"})

    assert "line 2: server.port: must be 65535 or less" in message_of(case, tmp_path)


SECRETS = ["server.api_key", "backend.api_key"]


@pytest.mark.parametrize("path", SECRETS)
@pytest.mark.parametrize("value", [4711, ["4711"], "47 11"], ids=["number", "list", "blank"])
def test_a_secret_is_never_part_of_a_message(path: str, value: object) -> None:
    with pytest.raises(ConfigError) as refused:
        load(None, {}, {path: value})

    assert path in str(refused.value)
    assert "11" not in str(refused.value)


SCALARS = st.one_of(
    st.booleans(),
    st.integers(),
    st.just(16**5000),
    st.floats(),
    st.text(),
    st.just("\udcff"),
    st.sampled_from([date(2026, 1, 1), datetime(2026, 1, 1), time(1)]),
)
VALUES = st.one_of(
    SCALARS, st.lists(SCALARS, max_size=3), st.dictionaries(st.text(), SCALARS, max_size=2)
)


@given(st.sampled_from(sorted(KEYS)), VALUES)
def test_whatever_a_value_is_it_is_taken_or_refused(path: str, value: object) -> None:
    """Nothing that TOML can say ends in a traceback."""
    try:
        said = str(load(None, {}, {path: value}, rule_names=RULES).sources)
    except ConfigError as refused:
        said = str(refused)

    assert path in said
