"""Which rules a client's requests get: what is on for all, and what is on or off for one."""

from dataclasses import replace

import pytest

from tests.builders import user
from tests.strategies import prompt_of
from warmprefix.config import CanonicalizeConfig
from warmprefix.config.patterns import TransientBlock, VolatileText
from warmprefix.core.identity.keys import Identifier
from warmprefix.core.messages import written
from warmprefix.pipeline.rulesets import RuleSets

EDGES = "user-edge-newlines"


def sets(*, enable: tuple[str, ...] = (), disable: tuple[str, ...] = ()) -> RuleSets:
    return RuleSets(CanonicalizeConfig(enable=enable, disable=disable))


OFF: list[tuple[str, tuple[str, ...], str, bool]] = [
    ("on-by-default", (), "hermes", True),
    ("off-for-all", (EDGES,), "hermes", False),
    ("off-for-this-one", (f"hermes:{EDGES}",), "hermes", False),
    ("off-for-another", (f"cline:{EDGES}",), "hermes", True),
    ("off-for-all-and-one", (EDGES, f"cline:{EDGES}"), "hermes", False),
]


@pytest.mark.parametrize(
    ("disable", "client", "acts"), [row[1:] for row in OFF], ids=[row[0] for row in OFF]
)
def test_a_rule_is_off_for_whom_it_is_named(
    disable: tuple[str, ...], client: str, acts: bool
) -> None:
    rules = sets(disable=disable).of(client)
    given = prompt_of([user("x\n")])

    (message,) = rules.canonicalizer.run(given).prompt.messages
    assert (written(message).count(b"\\n") == 0) is acts


MEMORY: list[tuple[str, tuple[str, ...], tuple[str, ...], tuple[bool, bool, bool]]] = [
    # whether volatile text is moved, blocks are put back, and messages are recognised loosely
    ("none", (), (), (False, False, False)),
    ("freeze", ("freeze-volatile",), (), (False, False, True)),
    ("move", ("move-volatile",), (), (True, False, True)),
    ("blocks", ("restore-transient-blocks",), (), (False, True, True)),
    ("of-this-client", ("hermes:move-volatile",), (), (True, False, True)),
    ("of-another", ("cline:move-volatile",), (), (False, False, False)),
    ("on-and-off", ("move-volatile",), ("move-volatile",), (False, False, False)),
    ("off-for-this-one", ("move-volatile",), ("hermes:move-volatile",), (False, False, False)),
]


@pytest.mark.parametrize(
    ("enable", "disable", "expected"), [row[1:] for row in MEMORY], ids=[row[0] for row in MEMORY]
)
def test_what_is_put_back_and_how_messages_are_recognised(
    enable: tuple[str, ...], disable: tuple[str, ...], expected: tuple[bool, bool, bool]
) -> None:
    strict = Identifier()
    rules = RuleSets(CanonicalizeConfig(enable=enable, disable=disable), strict).of("hermes")
    is_loose = rules.identifier is not strict

    assert (rules.moves_volatile, rules.restores_blocks, is_loose) == expected


def test_clients_without_a_choice_of_their_own_share_one() -> None:
    made = sets(disable=(f"hermes:{EDGES}",))

    assert made.of("cline") is made.of("pi") is not made.of("hermes")
    assert made.of("hermes") is made.of("hermes")


def test_descriptions_of_tools_are_kept_for_whom_it_is_named() -> None:
    made = sets(enable=("opencode:freeze-tool-descriptions",))

    assert made.of("opencode").keeps_descriptions
    assert not made.of("pi").keeps_descriptions


def test_calls_are_put_back_for_models_whose_templates_show_them() -> None:
    made = sets(enable=("smolagents:restore-written-calls",))
    made.takes_calls("m", open_calls=True)

    assert made.of("smolagents", "m").undoing.calls
    assert not made.of("smolagents", "other").undoing.calls
    assert not made.of("pi", "m").undoing.calls
    made.takes_calls("m", open_calls=False)
    assert not made.of("smolagents", "m").undoing.calls


def test_a_client_that_makes_up_names_of_models_fills_no_memory() -> None:
    made = sets(enable=("restore-written-calls",))
    for number in range(1000):
        made.takes_calls(f"m{number}", open_calls=True)

    assert sum(made.of("pi", f"m{number}").undoing.calls for number in range(1000)) == 64


MOOD = VolatileText("mood", "Mood: \\w+", "Mood: glad")
NOTES = TransientBlock("notes", "<notes>", "</notes>", "<notes>a</notes>")


def test_text_that_the_user_has_named_needs_no_rule() -> None:
    config = CanonicalizeConfig(
        volatile=(MOOD, replace(MOOD, use="move", client="pi")), transient=(NOTES,)
    )
    made = RuleSets(config)
    pi, hermes = made.of("pi"), made.of("hermes")

    assert (len(pi.volatile), len(pi.moved), len(hermes.volatile), hermes.moved) == (2, 1, 1, ())
    assert [block.opens for block in hermes.blocks] == ["<notes>"]


def test_another_configuration_holds_from_the_next_request_on() -> None:
    made = sets()
    before = made.of("pi")
    made.replace(CanonicalizeConfig(volatile=(MOOD,)))

    assert (before.volatile, len(made.of("pi").volatile)) == ((), 1)
