"""The findings about a chat template."""

import pytest

from warmprefix.core.doctor.facts import TemplateFeatures
from warmprefix.core.doctor.template import template_findings

GOOD = TemplateFeatures(
    reasoning_in_loop=True,
    reasoning_in_history=True,
    rewrites="none",
    tools=True,
    calls=True,
    call_ids=False,
    nine_character_ids=False,
    key_order=False,
    clock="none",
)


def found(features: TemplateFeatures | None, restore: str = "auto") -> list[tuple[str, str]]:
    """Level and text of each finding."""
    return [(finding.level, finding.what) for finding in template_findings(features, restore)]


def test_a_template_that_appends_and_keeps_reasoning_is_good() -> None:
    assert found(GOOD) == [
        ("good", "The template only appends"),
        ("good", "The template keeps reasoning"),
    ]


@pytest.mark.parametrize(
    "features", [None, TemplateFeatures(), TemplateFeatures(can_preserve=True)]
)
def test_a_template_that_could_not_be_asked_is_a_note(features: TemplateFeatures | None) -> None:
    assert found(features) == [("note", "The chat template could not be asked")]


Features = TemplateFeatures
TAKES_OUT = "The template removes reasoning when a new user message arrives"
IDS = "The template prints the ids of tool calls"
ROWS = [
    ("drops-later", Features(rewrites="reasoning"), "auto", [("bad", TAKES_OUT)]),
    (
        "moves-tools",
        Features(rewrites="more"),
        "auto",
        [("bad", "The template rewrites the history when a new user message arrives")],
    ),
    (
        "keeps-but-never-restored",
        Features(reasoning_in_history=True),
        "never",
        [("bad", "The template keeps reasoning, and warmprefix is set not to put it back")],
    ),
    (
        "drops-but-always-restored",
        Features(reasoning_in_history=False),
        "always",
        [("bad", "The template drops reasoning, and warmprefix is set to always put it back")],
    ),
    (
        "never-shown",
        Features(reasoning_in_history=False, reasoning_in_loop=False),
        "auto",
        [("note", "The template shows no reasoning at all")],
    ),
    ("in-the-loop-only", Features(reasoning_in_history=False, reasoning_in_loop=True), "auto", []),
    ("no-tools", Features(tools=False), "auto", [("note", "The template prints no tools")]),
    ("no-calls", Features(calls=False), "auto", [("note", "The template prints no tool calls")]),
    ("ids", Features(call_ids=True), "auto", [("good", IDS)]),
    (
        "ids-and-keys",
        Features(call_ids=True, key_order=True),
        "auto",
        [("good", f"{IDS} and the keys of arguments in the order they arrive in")],
    ),
    (
        "nine",
        Features(nine_character_ids=True),
        "auto",
        [("note", "The template accepts only ids of nine letters and digits")],
    ),
    ("date", Features(clock="date"), "auto", [("note", "The template prints the date")]),
    ("time", Features(clock="time"), "auto", [("bad", "The template prints the time of day")]),
]


@pytest.mark.parametrize(
    ("features", "restore", "expected"), [r[1:] for r in ROWS], ids=[r[0] for r in ROWS]
)
def test_what_is_found(
    features: TemplateFeatures, restore: str, expected: list[tuple[str, str]]
) -> None:
    assert found(features, restore) == expected


@pytest.mark.parametrize(
    ("can_preserve", "advice"), [(True, "--reasoning-preserve"), (False, "--chat-template-file")]
)
def test_the_cure_is_one_that_the_template_allows(can_preserve: bool, advice: str) -> None:
    features = TemplateFeatures(rewrites="reasoning", can_preserve=can_preserve)

    assert advice in next(template_findings(features, "auto")).advice
