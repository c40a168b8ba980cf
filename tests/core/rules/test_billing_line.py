"""Claude Code's billing line is dropped from the top of the first system text."""

import pytest

from tests.builders import system
from tests.core.rules.table import Change, Keep, check_rows
from warmprefix.core.messages import written
from warmprefix.core.rules.billing_line import RULE
from warmprefix.core.types import Prompt
from warmprefix.dialects.messages.blocks import parse_message

LINE = "x-anthropic-billing-header: cc_version=2.1.197.e5b; cch=60dd5;"


TABLE = [
    Change(
        "own-line",
        [system(LINE + "\nYou are Claude.")],
        [system("You are Claude.")],
        "captured with Claude Code 2.1.197",
    ),
    Change(
        "blank-lines-behind",
        [system(LINE + "\n\n \nBe brief.")],
        [system("Be brief.")],
        "https://github.com/ggml-org/llama.cpp/pull/21793",
    ),
    Change(
        "same-line",
        [system(LINE + "You are Claude. You are good.")],
        [system("You are Claude. You are good.")],
        "parts joined without a line end",
    ),
    Change("nothing-else", [system(LINE)], [system("")], "own"),
    Change("blanks-in-front", [system("\n " + LINE + "\nx")], [system("x")], "own"),
    Change(
        "twice",
        [system(LINE + "\n" + LINE + "\n\nx")],
        [system("x")],
        "own: two layers that each add one",
    ),
    Change(
        "developer",
        [{"role": "developer", "content": LINE + "\nx"}],
        [{"role": "developer", "content": "x"}],
        "own",
    ),
    Keep("further-down", [system("x\n" + LINE)], "quoted"),
    Keep("user", [{"role": "user", "content": LINE}], "quoted: someone asks about it"),
    Keep("second-message", [system("x"), system(LINE)], "own"),
    Keep(
        "parts",
        [{"role": "system", "content": [{"type": "text", "text": LINE}]}],
        "the rule `text-parts`",
    ),
    Keep("no-messages", [], "own"),
    Keep("no-text", [system([{"type": "image_url"}])], "own"),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_the_billing_line_is_dropped(row: Change | Keep) -> None:
    check_rows(RULE, row)


def block(text: str) -> bytes:
    return b'{"type":"text","text":"' + text.encode() + b'"}'


OUTSIDE = [
    pytest.param(
        (block(LINE), block("You are Claude."), block("x")),
        (block("You are Claude."), block("x")),
        id="a-block-of-its-own",  # captured with Claude Code 2.1.197
    ),
    pytest.param(
        (block(LINE), block(LINE), block("You are Claude."), block("x")),
        (block("You are Claude."), block("x")),
        id="twice",  # two layers that each add one
    ),
    pytest.param((block(LINE),), (block(""),), id="nothing-else"),
    pytest.param(
        (block(LINE + "\\nYou are Claude."), block("x")),
        (block("You are Claude."), block("x")),
        id="own-line",
    ),
    pytest.param(
        (b'{"type":"image"}', block(LINE), block("x")),
        (b'{"type":"image"}', block("x")),
        id="behind-what-is-not-shown",
    ),
    pytest.param((block("x"), block(LINE)), (block("x"), block(LINE)), id="further-down"),
]


@pytest.mark.parametrize(("before", "after"), OUTSIDE)
def test_the_billing_line_is_dropped_from_instructions_outside(
    before: tuple[bytes, ...], after: tuple[bytes, ...]
) -> None:
    message = parse_message(b"[" + b",".join(before) + b"]")

    (found,) = RULE.apply(Prompt((message,))).messages

    assert written(found) == b"[" + b",".join(after) + b"]"
    assert RULE.apply(Prompt((found,))).messages == (found,)


def test_the_only_text_that_is_left_is_all_that_is_shown() -> None:
    picture = b'{"type":"tool_result","content":[]}'
    message = parse_message(b"[" + block(LINE) + b"," + picture + b"," + block("x\\n") + b"]")

    (found,) = RULE.apply(Prompt((message,))).messages

    assert found.content == "x"
    assert parse_message(written(found)) == found


def test_what_is_left_alone_is_written_as_a_text_alone_is() -> None:
    """The rules for that have run before; else the next reading of what was written would change it again."""
    message = parse_message(b"[" + block(LINE) + b"," + block(" You are Claude.\\n") + b"]")

    (found,) = RULE.apply(Prompt((message,))).messages

    assert written(found) == b'"You are Claude."'
