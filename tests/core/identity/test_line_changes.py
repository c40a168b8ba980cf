"""The lines in which two texts differ."""

from random import Random

import pytest

from warmprefix.core.identity.line_changes import Change, line_changes


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ("a", "a", []),
        ("aaa\nbbb\nccc", "aaa\nxxx\nccc", [Change(["bbb"], ["xxx"], 4)]),
        ("aaa\nccc", "aaa\nbbb\nccc", [Change([], ["bbb"], 4)]),
        ("aaa\nbbb\nccc", "aaa\nccc", [Change(["bbb"], [], 4)]),
        ("aaa", "aaa\nbbb", [Change([], ["bbb"], 4)]),
        ("aaa\nbbb", "aaa", [Change(["bbb"], [], 4)]),
        ("", "aaa", [Change([""], ["aaa"], 0)]),
        (
            "aaa\nbbb\nccc\nddd",
            "xxx\nbbb\nccc\nyyy",
            [Change(["aaa"], ["xxx"], 0), Change(["ddd"], ["yyy"], 12)],
        ),
        (
            "aaa\nb\nccc\nddd\neee",
            "aaa\nc\nd\nddd\neee\nfff",
            [Change(["b", "ccc"], ["c", "d"], 4), Change([], ["fff"], 16)],
        ),
    ],
)
def test_the_changes_in_order(before: str, after: str, changes: list[Change]) -> None:
    assert list(line_changes(before, after)) == changes


def test_texts_that_run_too_far_apart_are_given_up() -> None:
    before, after = ("\n".join(f"{name} {at}" for at in range(500)) for name in ("one", "two"))

    assert list(line_changes(before, after)) == [None]


def test_the_changes_make_the_one_text_of_the_other() -> None:
    r = Random(7)
    for _ in range(500):
        before = "\n".join(r.choice(("aaa", "bbb", "", "c", "dddd")) for _ in range(r.randrange(9)))
        after = "\n".join(r.choice(("aaa", "bbb", "", "c", "dddd")) for _ in range(r.randrange(9)))
        changes = [change for change in line_changes(before, after) if change is not None]
        old, new = before.split("\n"), after.split("\n")
        for change in reversed(changes):
            at = f"{after}\n"[: change.at].count("\n")
            assert new[at : at + len(change.new)] == list(change.new)
            new[at : at + len(change.new)] = change.old

        assert new == old, (before, after)
