"""Claude Code's billing line is dropped from the top of the first system text."""

import pytest

from tests.builders import system
from tests.core.rules.table import Change, Keep, check_rows
from warmprefix.core.rules.billing_line import RULE

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
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_the_billing_line_is_dropped(row: Change | Keep) -> None:
    check_rows(RULE, row)
