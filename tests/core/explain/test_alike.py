"""A turn that begins a conversation of its own says why it could not go on from one like it."""

import pytest

from tests.chat_dialect import chat_message
from warmprefix.core.explain.alike import lost_tokens, most_alike
from warmprefix.core.explain.saving import Reaches
from warmprefix.core.types import CacheStats, Prompt

ROLES = {"s": "system", "u": "user", "a": "assistant"}
RULES = "s:You are an agent. Session: {}. " + "Be brief, be exact. " * 20


def spoken(*texts: str) -> Prompt:
    """A prompt of `u:text` and so on."""
    pairs = (text.split(":", 1) for text in texts)
    return Prompt(tuple(chat_message(ROLES[role], text) for role, text in pairs))


TALK = ("u:It is 10:00. What is in the first of the files?", "a:Text.", "u:And then?")
BEFORE = spoken(RULES.format("a1"), *TALK, "a:More.")
TICKED = ("u:It is 10:01. What is in the first of the files?", *TALK[1:])

CASES = [
    pytest.param(spoken(RULES.format("a1"), *TICKED, "a:More."), True, id="a-clock-in-the-question"),
    pytest.param(
        spoken(RULES.format("a1"), TALK[2], "a:More.", "u:Go on."), True, id="a-window-slides"
    ),
    pytest.param(spoken(RULES.format("b2"), "u:Another."), False, id="an-id-in-the-instructions"),
    pytest.param(spoken(RULES.format("b2"), *TALK, "a:More.", "u:Go on."), True, id="both"),
    pytest.param(spoken(RULES.format("a1"), TALK[2]), True, id="a-question-has-moved-up"),
    pytest.param(spoken(RULES.format("a1"), "u:Another."), None, id="a-new-chat"),
    pytest.param(spoken("s:Other words.", "u:Another."), None, id="another-agent"),
    pytest.param(
        spoken(RULES.format("a1"), TICKED[0], "a:Else.", "u:Go on."), None, id="another-reply"
    ),
    pytest.param(spoken(RULES.format("a1"), TICKED[0]), None, id="no-reply-to-compare"),
    pytest.param(BEFORE, None, id="the-same"),
    pytest.param(Prompt(BEFORE.messages, None, {"x": b"1"}), None, id="other-options"),  # type: ignore[dict-item]
]  # fmt: skip


@pytest.mark.parametrize(("after", "goes_on"), CASES)
def test_only_a_small_difference_shows_why_nothing_was_reused(
    after: Prompt, goes_on: bool | None
) -> None:
    found = most_alike([spoken("s:Far.", "u:Off."), BEFORE], after)

    assert (found.goes_on if found else None) is goes_on
    assert found is None or found.number == 1


def test_a_prompt_without_a_question_is_compared_too() -> None:
    found = most_alike([spoken(RULES.format("a1"))], spoken(RULES.format("b2")))

    assert found is not None
    assert not found.goes_on


def test_what_was_lost_is_what_both_share_without_the_difference() -> None:
    after = spoken(RULES.format("b2"), "u:Another.")
    alike = most_alike([BEFORE], after)
    assert alike is not None
    reaches = Reaches()
    stats = CacheStats(1000, 40, 960)

    lost = lost_tokens(alike, after, stats, reaches)

    assert lost is not None
    assert 800 < lost < 960
    assert lost_tokens(alike, after, CacheStats(1000, 990, 10), reaches) is None
    assert lost_tokens(alike, after, CacheStats(), reaches) is None
