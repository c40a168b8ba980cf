"""Text that the user has named is left out."""

import re

import pytest

from tests.chat_dialect import chat_message
from warmprefix.core.messages import changed
from warmprefix.core.rules.strip_volatile import strip_rule
from warmprefix.core.types import OpaquePart, Prompt, RawJson, TextPart

RULE = strip_rule((re.compile(r"(?m)^Mood: .{1,20}$"), re.compile(r" \(\d+ left\)")))


@pytest.mark.parametrize("role", ["system", "developer", "user"])
def test_the_span_goes_and_its_line_if_nothing_else_is_in_it(role: str) -> None:
    before = Prompt((chat_message(role, "Mood: glad\nDo it (7 left) now."),))

    (message,) = RULE.apply(before).messages

    assert message.content == "Do it now."
    assert message.raw is None


def test_parts_of_text_lose_it_too() -> None:
    picture = OpaquePart(RawJson(b'{"type":"image"}'))
    message = chat_message("user", "x")
    parts = (TextPart("a (7 left)"), picture, TextPart("b"))
    before = Prompt((changed(message, content=parts),))

    (after,) = RULE.apply(before).messages

    assert after.content == (TextPart("a"), picture, TextPart("b"))
    assert RULE.apply(Prompt((after,))).messages[0] is after


@pytest.mark.parametrize(
    ("role", "text"), [("assistant", "Mood: glad"), ("tool", "Mood: glad"), ("user", "Do it.")]
)
def test_other_text_is_the_same_object(role: str, text: str) -> None:
    before = Prompt((chat_message(role, text),))

    assert RULE.apply(before) is before
