"""Volatile spans are masked to recognise a text, or cut out of it."""

import re

from warmprefix.core.identity.volatile import cut, mask

CLOCK = (re.compile(r"(?m)^Time: .{1,20}$"), re.compile(r"\d+%"))


def test_two_moments_look_the_same_when_masked() -> None:
    assert mask("Be brief.\nTime: 10:00", CLOCK) == mask("Be brief.\nTime: 11:30", CLOCK)


def test_other_text_still_differs_when_masked() -> None:
    assert mask("Be brief.\nTime: 10:00", CLOCK) != mask("Be long.\nTime: 10:00", CLOCK)


def test_a_line_that_holds_only_the_span_goes_with_it() -> None:
    assert cut("Be brief.\nTime: 10:00\nGo.", CLOCK) == ("Be brief.\nGo.", ("Time: 10:00",))


def test_a_line_that_holds_more_keeps_the_rest() -> None:
    assert cut("Used 40% of it.", CLOCK) == ("Used  of it.", ("40%",))


def test_a_text_without_spans_is_the_same_object() -> None:
    text = "Be brief."

    assert cut(text, CLOCK) == (text, ())
