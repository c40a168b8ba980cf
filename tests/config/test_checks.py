"""What a type cannot say: addresses, keys, names of rules."""

from pathlib import Path

import pytest

from tests.config.refused import Bad, assert_refused
from warmprefix.config import load
from warmprefix.config.checks import check_rules, nearest

BAD = [
    Bad("ca-missing", ("backend.ca_file", "No such file"), '[backend]\nca_file = "/no/such/file"'),
    Bad("ca-none", ("backend.ca_file", "has no certificate"), f'[backend]\nca_file = "{__file__}"'),
    Bad("url-without-scheme", ("is not an address",), '[backend]\nurl = "127.0.0.1:8080"'),
    Bad("url-other-scheme", ("is not an address",), '[backend]\nurl = "ftp://host"'),
    Bad("url-bad-port", ("not an address",), '[backend]\nurl = "http://host:99999"'),
    Bad("url-with-user", ("no user name",), '[backend]\nurl = "http://me:pw@host"'),
    Bad("url-with-v1", ("leave out /v1",), '[backend]\nurl = "http://host:1/v1/"'),
    Bad(
        "redis-other-scheme",
        ("memory.path: must be an address like redis://",),
        '[memory]\nstore = "redis"\npath = "http://host"',
    ),
    Bad(
        "redis-bad-port",
        ("memory.path: not an address",),
        '[memory]\nstore = "redis"\npath = "redis://host:99999"',
    ),
    Bad(
        "redis-with-password",
        ("memory.path: leave out the password",),
        '[memory]\nstore = "redis"\npath = "redis://me:pw@host"',
    ),
    Bad(
        "no-header",
        ("is not the name of a header",),
        '[memory]\nscope_headers = ["X-User: me"]',
    ),
    Bad("no-client", ("hermes?",), '[server]\nkeep_alive_clients = ["herms"]'),
    Bad("no-host", ("a comma without",), '[server]\nhost = "127.0.0.1, "'),
    Bad("no-session", ("is not the name",), '[backend]\nsession_header = "X-One,, X-Two"'),
    Bad(
        "session-of-llama",
        ("names a stream",),
        '[backend]\nsession_header = "x-conversation-id"',
    ),
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


def test_without_known_rules_every_rule_name_is_taken() -> None:
    environ = {"WARMPREFIX_CANONICALIZE__ENABLE": '["anything"]'}

    assert load(None, environ, {}).config.canonicalize.enable == ("anything",)


def test_the_first_name_that_no_rule_has_is_told() -> None:
    check_rules((), ["one"])
    check_rules(("one",), ["one"])
    with pytest.raises(ValueError, match='no rule is called "on"; did you mean one'):
        check_rules(("one", "on", "tw"), ["one", "two"])


NEAREST = [
    pytest.param("prot", ["port", "host"], "; did you mean port?", id="alike"),
    pytest.param("PROT", ["port"], "; did you mean port?", id="other-case"),
    pytest.param("PROT", ["PORT"], "; did you mean PORT?", id="capitals"),
    pytest.param("zzz", ["port"], "", id="none"),
]


@pytest.mark.parametrize(("name", "known", "hint"), NEAREST)
def test_the_name_that_is_most_alike_is_meant(name: str, known: list[str], hint: str) -> None:
    assert nearest(name, known) == hint
    assert nearest(name, known, "A_") == hint.replace("mean ", "mean A_")
