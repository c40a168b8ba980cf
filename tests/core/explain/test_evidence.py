"""What the rendered texts of two prompts show."""

import pytest

from warmprefix.core.explain.evidence import (
    INVITATION,
    Evidence,
    TemplateBreak,
    clipped,
    is_printed,
    left_invitation,
    only_invites,
)

PROMPT = "<user>Go." + "x" * 200
INVITED = f"{PROMPT}<assistant>\n<think>\n\n</think>\n\n"
WENT_ON = f"{PROMPT}<assistant>\nDone.<user>And?<assistant>\n<think>\n\n</think>\n\n"


def test_an_invitation_that_the_history_does_not_repeat_is_seen() -> None:
    found = left_invitation(INVITED, WENT_ON)

    assert isinstance(found, TemplateBreak)
    assert found.cause == "invitation"
    assert found.offset == len(PROMPT) + len("<assistant>\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(f"{PROMPT}<assistant>\n", WENT_ON, id="repeated"),
        pytest.param("y" * 300, WENT_ON, id="another-text"),
        pytest.param(INVITED, PROMPT, id="a-part"),
    ],
)
def test_else_the_invitation_is_not_the_cause(before: str, after: str) -> None:
    assert left_invitation(before, after) is None


def test_a_change_is_printed_if_the_texts_part_before_the_invitation() -> None:
    assert is_printed(("a" + "x" * INVITATION, "b" + "x" * 200))
    assert is_printed(
        (f"{PROMPT} (2 left)<assistant>\n", f"{PROMPT}<assistant>\nDone.<user>And?<assistant>\n")
    )
    assert not is_printed((INVITED, WENT_ON))


@pytest.mark.parametrize(
    ("other", "invites"),
    [
        (f"{PROMPT}<assistant>\n", True),
        (INVITED, True),
        (f"{PROMPT}<assistant>\n<think>\n", True),
        (f"Think.\n{INVITED}", False),
        (INVITED.replace("Go.", "Go!"), False),
    ],
)
def test_an_option_that_changes_only_the_invitation_is_not_printed(
    other: str, invites: bool
) -> None:
    assert only_invites(INVITED, other) is invites


def test_a_text_is_clipped_on_both_sides() -> None:
    assert clipped("a" * 100 + "b" + "c" * 100, 100) == "…" + "a" * 60 + "b" + "c" * 59 + "…"
    assert clipped(None, 3) is None


@pytest.mark.parametrize(
    ("evidence", "is_lost"),
    [
        (Evidence(), False),
        (Evidence(others=3, expected=9), False),
        (Evidence(restarted=True), True),
        (Evidence(has_moved=True), True),
        (Evidence(is_read_back=True), True),
        (Evidence(cache_prompt=False), True),
        (Evidence(model_before="a", model_after="b"), True),
    ],
)
def test_some_losses_say_nothing_of_what_ran_in_between(evidence: Evidence, is_lost: bool) -> None:
    assert evidence.is_lost_anyway is is_lost
