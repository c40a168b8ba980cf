"""What is set already, as hints need it: by the client's name if it has one."""

from warmprefix.config import CanonicalizeConfig, Config
from warmprefix.pipeline.in_force import in_force

CONFIG = Config(canonicalize=CanonicalizeConfig(enable=("a",), disable=("b",)))


def test_a_client_with_a_profile_is_named() -> None:
    found = in_force(CONFIG, observe=True)("claude-code")

    assert (found.client, found.enable, found.disable) == ("claude-code", ("a",), ("b",))
    assert (found.restore_reasoning, found.is_observed) == ("auto", True)
    assert {row.client for row in found.client_settings} == {"claude-code"}


def test_an_unknown_client_has_no_name_in_a_setting() -> None:
    found = in_force(CONFIG)("unknown")

    assert (found.client, found.is_observed, found.client_settings) == ("", False, ())
