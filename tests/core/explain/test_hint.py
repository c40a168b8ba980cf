"""A hint is made so that it can be pasted: merged with what is set, in the form of the place it goes to."""

import tomllib

from warmprefix.core.explain.hint import (
    ClientSetting,
    InForce,
    enable,
    flag,
    no_longer_disable,
    nothing,
    of_client,
    set_value,
)

SETTING = ClientSetting("codex", "Codex", ("edit",), "X=0", "environment", "helps", "a page")


def test_a_rule_is_enabled_beside_those_that_are_on() -> None:
    hint = enable("freeze-volatile", InForce("codex", ("move-volatile",)), "keeps it")

    assert hint.paste is not None
    assert tomllib.loads(hint.paste) == {
        "canonicalize": {"enable": ["move-volatile", "codex:freeze-volatile"]}
    }
    assert hint.command == "warmprefix config set canonicalize.enable +codex:freeze-volatile"
    assert (hint.where, hint.place) == ("setting", "warmprefix.toml")


def test_a_client_without_a_name_gets_the_rule_for_all() -> None:
    assert enable("a", InForce(), "").command == "warmprefix config set canonicalize.enable +a"


def test_a_rule_is_left_out_of_those_that_are_off() -> None:
    force = InForce("codex", disable=("a", "b", "codex:a", "pi:a"))
    hint = no_longer_disable("a", force, "")

    assert hint.paste == '[canonicalize]\ndisable = ["b", "pi:a"]'
    assert hint.command == "warmprefix config set canonicalize.disable -a -codex:a"


def test_a_value_is_set_in_its_section() -> None:
    hint = set_value("memory.restore_reasoning", "auto", "")

    assert hint.paste == '[memory]\nrestore_reasoning = "auto"'
    assert hint.command == "warmprefix config set memory.restore_reasoning auto"


def test_a_flag_belongs_to_the_backend_and_a_setting_to_its_client() -> None:
    assert (flag("--swa-full", "").where, flag("--swa-full", "").paste) == ("backend", "--swa-full")
    hint = of_client(SETTING)
    assert (hint.where, hint.paste, hint.place, hint.source) == (
        "client",
        "X=0",
        "Codex: environment",
        "a page",
    )


def test_if_nothing_helps_nothing_is_to_be_pasted() -> None:
    hint = nothing("it is so")

    assert (hint.where, hint.paste, hint.command) == ("none", None, None)
    assert hint.text.endswith("it is so")


def test_a_rule_is_on_if_it_is_enabled_for_the_client_and_not_disabled() -> None:
    assert InForce("codex", ("codex:a",)).is_on("a")
    assert not InForce("pi", ("codex:a",)).is_on("a")
    assert not InForce("pi", ("a",), ("pi:a",)).is_on("a")
