"""What is set already, as hints need it: by the client's name if it has one."""

from warmprefix.config import CanonicalizeConfig, Config
from warmprefix.config.patterns import TransientBlock, VolatileText
from warmprefix.config.schema import SlotsConfig
from warmprefix.pipeline.in_force import in_force

CONFIG = Config(canonicalize=CanonicalizeConfig(enable=("a",), disable=("b",)))


def test_a_client_with_a_profile_is_named() -> None:
    found = in_force(CONFIG, observe=True)("claude-code")

    assert (found.client, found.enable, found.disable) == ("claude-code", ("a",), ("b",))
    assert (found.restore_reasoning, found.is_observed) == ("auto", True)
    assert {row.client for row in found.client_settings} == {"claude-code"}


def test_what_the_user_has_named_is_in_force_for_its_client() -> None:
    texts = (
        VolatileText("mood", "glad|sad", "glad"),
        VolatileText("pid", "[0-9]+", "1", client="pi"),
    )
    notes = TransientBlock("notes", "((", "))", "((a))", "pi")
    force = in_force(Config(canonicalize=CanonicalizeConfig(volatile=texts, transient=(notes,))))

    assert [text.name for text in force("pi").texts] == ["mood", "pid"]
    assert [text.name for text in force("unknown").texts] == ["mood"]
    assert [one.block.opens for one in force("pi").blocks] == ["(("]
    assert force("unknown").blocks == ()


def test_whether_branches_are_kept_is_in_force() -> None:
    kept = in_force(Config(slots=SlotsConfig(separate_branches=True)))

    assert [force("unknown").keeps_branches for force in (kept, in_force(Config()))] == [
        True,
        False,
    ]


def test_an_unknown_client_has_no_name_in_a_setting() -> None:
    found = in_force(CONFIG)("unknown")

    assert (found.client, found.is_observed, found.client_settings) == ("", False, ())
