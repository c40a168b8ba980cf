"""Rules that a program names."""

import pytest

from warmprefix.config import Config
from warmprefix.library.settings import config_of


def test_without_names_everything_is_as_in_the_proxy() -> None:
    assert config_of((), ()) == Config()


def test_rules_are_named_as_in_the_settings_file() -> None:
    config = config_of(["hermes:freeze-volatile"], ["edge-whitespace"], reasoning=True)

    assert config.canonicalize.enable == ("hermes:freeze-volatile",)
    assert config.canonicalize.disable == ("edge-whitespace",)
    assert config.memory.restore_reasoning == "always"


def test_a_name_that_no_rule_has_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(
        ValueError, match='enable: no rule is called "freeze-volatil"; did you mean freeze-volatile'
    ):
        config_of(["freeze-volatil"], [])


def test_a_client_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match='disable: no rule is called "herms:freeze-volatile"'):
        config_of([], ["herms:freeze-volatile"])


def test_a_text_is_no_list_of_names() -> None:
    with pytest.raises(
        TypeError, match="enable is a list of names, not the text 'freeze-volatile'"
    ):
        config_of("freeze-volatile", [])
