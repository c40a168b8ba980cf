"""What ticked between two forms of a text, and what was edited."""

import re
import time
from collections.abc import Callable

import pytest

from tests.core.identity.ticking_texts import Pair, edits, ticking
from warmprefix.core.identity.ticking import Ticked, ticked, ticked_again

SEEDS = (1, 2, 3)
TICKING = [pair for seed in SEEDS for pair in ticking(seed)]
EDITED = [pair for seed in SEEDS for pair in edits(seed)]


def test_equal_texts_have_not_ticked() -> None:
    assert ticked("Time: 10:00", "Time: 10:00", is_user=False) is None


def test_there_are_many_of_both() -> None:
    assert len(TICKING) >= 300
    assert len({pair.after for pair in EDITED}) >= 500


@pytest.mark.parametrize("pair", TICKING, ids=lambda pair: pair.id)
def test_a_text_of_which_nobody_knows_has_ticked(pair: Pair) -> None:
    found = ticked(pair.before, pair.after, is_user=pair.is_user)

    assert found is not None
    assert found.now
    assert {*found.now} <= {line.strip() for line in pair.after.split("\n")}
    assert not {*found.now} & {line.strip() for line in pair.before.split("\n")}


@pytest.mark.parametrize("pair", EDITED, ids=lambda pair: pair.id)
def test_an_edit_that_looks_alike_has_not(pair: Pair) -> None:
    assert ticked(pair.before, pair.after, is_user=pair.is_user) is None


@pytest.mark.parametrize(
    "edit", [pair for pair in EDITED if not pair.is_user][::9], ids=lambda p: p.id
)
def test_an_edit_beside_a_clock_is_an_edit(edit: Pair) -> None:
    before, after = f"Time: 10:05\n{edit.before}", f"Time: 10:06\n{edit.after}"

    assert ticked(before, after, is_user=False) is None


@pytest.mark.parametrize(
    ("before", "after", "cause"),
    [
        ("Current time: 10:05", "Current time: 10:06", "clock"),
        ("Current date: 2031-05-06", "Current date: 2031-05-07", "date"),
        ("Messages: 12", "Messages: 13", "counter"),
        ("Session ID: ab12", "Session ID: ab13", "id"),
        ("Messages: 12\nTime: 10:05", "Messages: 13\nTime: 10:06", "counter"),
        ("On branch dev", "On branch main", "counter"),
    ],
)
def test_the_cause_is_what_ticked_first(before: str, after: str, cause: str) -> None:
    found = ticked(before, after, is_user=False)

    assert found is not None
    assert found.cause == cause


def test_all_lines_that_differ_are_said_without_their_edges() -> None:
    before = "  Time: 10:05  \nBe brief.\nFiles: 7"
    after = "  Time: 10:06  \nBe brief.\nFiles: 8"

    assert ticked(before, after, is_user=False) == Ticked("clock", ("Time: 10:06", "Files: 8"))


STATUS = "gitStatus: the state at the start.\n\nCurrent branch: dev\n\nStatus:\n{}\n\nRecent commits:\n{}"


def test_a_block_of_git_may_have_another_number_of_lines() -> None:
    before = STATUS.format(" M a.py", "abc1234 first")
    after = STATUS.format(" M a.py\n?? b.py\nM  c.py", "1234abc second\nabc1234 first")

    found = ticked(before, after, is_user=False)

    assert found == Ticked("counter", ("?? b.py", "M  c.py", "1234abc second"))


def test_a_block_of_git_that_a_user_pasted_was_edited() -> None:
    before, after = STATUS.format(" M a.py", "abc1234 a"), STATUS.format(" D a.py", "abc1234 a")

    assert ticked(before, after, is_user=True) is None
    assert ticked(f"<env>\n{before}\n</env>", f"<env>\n{after}\n</env>", is_user=True) is not None


def test_more_lines_than_ticked_are_an_edit() -> None:
    assert ticked("Time: 10:05", "Time: 10:06\nBe brief.", is_user=False) is None
    assert ticked("Time: 10:05\nBe brief.", "Time: 10:06", is_user=False) is None


@pytest.mark.parametrize("header", ["# Current Time", "Current time:", "<current_time>", "**Now**"])
def test_the_line_above_can_be_the_label(header: str) -> None:
    assert ticked(f"{header}\n10:05", f"{header}\n10:06", is_user=True) is not None
    assert ticked("Take this\n10:05", "Take this\n10:06", is_user=True) is None


PATTERNS = (re.compile(r"(?m)^Mood: .{1,20}$"), re.compile(r"(?ms)^Weather:.*\Z"))


def test_what_a_pattern_knows_counts_in_any_text() -> None:
    before, after = "Hi.\nMood: glad\nBye.", "Hi.\nMood: sad\nBye."

    assert ticked(before, after, is_user=True) is None
    assert ticked(before, after, is_user=True, patterns=PATTERNS) == Ticked(
        "counter", ("Mood: sad",)
    )


def test_a_pattern_and_a_clock_may_change_together() -> None:
    before = "Current time: 10:05\nMood: glad\nWeather: sun\nwarm"
    after = "Current time: 10:06\nMood: sad\nWeather: rain\ncold\nwindy"

    found = ticked(before, after, is_user=True, patterns=PATTERNS)

    assert found == Ticked(
        "clock", ("Current time: 10:06", "Mood: sad", "Weather: rain", "cold", "windy")
    )


def test_an_edit_beside_a_pattern_is_an_edit() -> None:
    before, after = "Be kind.\nMood: glad", "Be rude.\nMood: sad"

    assert ticked(before, after, is_user=False, patterns=PATTERNS) is None


PROSE = "\n".join(f"Line {number} says something else." for number in range(25_000))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("says", "sings"),
        lambda text: "x" * len(text),
        lambda text: text[::-1],
        lambda text: text.replace("\n", " "),
        lambda text: text.replace("Line", "Time: 10:05"),
        lambda text: "",
    ],
)
@pytest.mark.parametrize("patterns", [(), PATTERNS], ids=["", "patterns"])
def test_large_texts_that_differ_everywhere_cost_little(
    change: Callable[[str], str], patterns: tuple[re.Pattern[str], ...]
) -> None:
    other = change(PROSE)
    start = time.perf_counter()

    assert ticked(PROSE, other, is_user=False, patterns=patterns) is None
    assert time.perf_counter() - start < 0.5


def test_a_large_text_of_clocks_is_given_up() -> None:
    before = "\n".join(f"Time: {at % 24}:10\n#" for at in range(20_000))
    after = before.replace(":10", ":11")

    assert ticked(before, after, is_user=False) is None
    assert ticked(before, after, is_user=False, patterns=PATTERNS) is None


def test_one_line_of_a_large_text_is_found() -> None:
    before, after = (f"{PROSE}\nTime: {clock}\n{PROSE}" for clock in ("10:05", "10:06"))
    start = time.perf_counter()

    assert ticked(before, after, is_user=False) == Ticked("clock", ("Time: 10:06",))
    assert time.perf_counter() - start < 0.2


def test_changes_too_far_apart_for_a_pattern_are_an_edit() -> None:
    before, after = f"Mood: glad\n{PROSE}\nMood: glad", f"Mood: sad\n{PROSE}\nMood: sad"

    assert ticked(before, after, is_user=False, patterns=PATTERNS) is None


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("Berth 7?\nGo.", "Berth 8?\nGo.", Ticked("counter", ("Berth 8?",))),
        ("It is now 10:00.", "It is now 10:01.", Ticked("clock", ("It is now 10:01.",))),
        ("Berth 7?", "Quay 8?", None),
        ("Berth 7?", "Berth 7?", None),
    ],
)
def test_what_changes_with_every_request_needs_no_sign(
    before: str, after: str, found: Ticked | None
) -> None:
    assert ticked_again(before, after) == found
