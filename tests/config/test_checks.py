"""Every refusal of one value, in one line that says where."""

from pathlib import Path

import pytest

from tests.config.refused import Bad, assert_refused
from warmprefix.config import load
from warmprefix.core.errors import ConfigError

BAD = [
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
        ('"llamacp" is not one of auto, llamacpp', "did you mean llamacpp?"),
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
]


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.id)
def test_a_bad_value_is_refused_in_one_line_that_says_where(case: Bad, tmp_path: Path) -> None:
    assert_refused(case, tmp_path)


def test_a_secret_is_never_part_of_a_message() -> None:
    with pytest.raises(ConfigError) as refused:
        load(None, {"WARMPREFIX_SERVER__API_KEY": "se cret"}, {})

    assert "cret" not in str(refused.value)
