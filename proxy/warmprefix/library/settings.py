"""Settings for programs that have no settings file."""

from collections.abc import Sequence
from dataclasses import replace

from warmprefix.config import CanonicalizeConfig, Config
from warmprefix.config.checks import check_rules
from warmprefix.profiles import rule_names


def config_of(enable: Sequence[str], disable: Sequence[str], *, reasoning: bool = False) -> Config:
    """The defaults, with these rules switched on and off. `reasoning`: what a client drops of it is put back.

    A rule is named as in the settings file: `freeze-volatile`, or `hermes:freeze-volatile` for one client.
    Raises ValueError if no rule is called so, and TypeError if a text is given and not a list of them.
    """
    for parameter, names in (("enable", enable), ("disable", disable)):
        if isinstance(names, str):
            raise TypeError(f"{parameter} is a list of names, not the text {names!r}")
        try:
            check_rules(names, rule_names())
        except ValueError as error:
            raise ValueError(f"{parameter}: {error}") from None
    config = Config(canonicalize=CanonicalizeConfig(tuple(enable), tuple(disable)))
    if not reasoning:
        return config
    return replace(config, memory=replace(config.memory, restore_reasoning="always"))
