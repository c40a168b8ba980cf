"""Where two excerpts differ, in whole words and as one change."""

from dataclasses import dataclass

import pytest

from warmprefix.cli.change_marks import change, marked


@dataclass(frozen=True)
class Marks:
    """Two excerpts, and how they are shown."""

    id: str
    before: str | None
    after: str | None
    shown: tuple[str | None, str | None]


MARKS = [
    Marks("word", "It is Monday.", "It is Tuesday.", ("It is [-Monday-].", "It is {+Tuesday+}.")),
    Marks("part-of-a-number", "at 1022 of", "at 1029 of", ("at [-1022-] of", "at {+1029+} of")),
    Marks("blank", "a  b", "a b", ("a [- -]b", "a b")),
    Marks("line-feed", "x", "x\n", ("x", "x{+⏎+}")),
    Marks("tab", "x\ty", "x y", ("x[-⇥-]y", "x{+ +}y")),
    Marks("appended", "hello", "hello <b>do</b>", ("hello", "hello{+ <b>do</b>+}")),
    Marks("all", "old", "new and longer", ("[-old-]", "{+new and longer+}")),
    Marks("cut-elsewhere", "…n 12 of the many wor…", "…n 3 of the many words…",
          ("…n [-12-] of the many wor…", "…n {+3+} of the many words…")),
    Marks("same", "abc", "abc", ("abc", "abc")),
    Marks("only-after", None, "x", (None, "{+x+}")),
    Marks("only-before", "x", None, ("[-x-]", None)),
    Marks("control", "a\x1b", "a", ("a[-�-]", "a")),
]  # fmt: skip


@pytest.mark.parametrize("case", MARKS, ids=lambda case: case.id)
def test_the_change_is_marked(case: Marks) -> None:
    found = marked(case.before, case.after, coloured=False)

    assert tuple(text and text.plain for text in found) == case.shown


def test_with_colour_the_change_is_marked_by_colour_alone() -> None:
    before, after = marked("It is Monday.", "It is Tuesday.", coloured=True)

    assert before is not None
    assert after is not None
    assert (before.plain, after.plain) == ("It is Monday.", "It is Tuesday.")
    styles = {after.plain[span.start : span.end]: str(span.style) for span in after.spans}
    assert styles["Tuesday"] == "bold reverse green"


PLACES: list[tuple[str, str, str, tuple[int, int, int]]] = [
    ("same", "abc", "abc", (3, 3, 3)),
    ("whole-words", "It is Monday.", "It is Tuesday.", (6, 12, 13)),
    ("agrees-by-chance-within", "abc xy def", "abc zy def", (4, 6, 6)),
    ("appended", "abc", "abc def", (3, 3, 7)),
    ("path-is-one-word", "/a/b-1.txt x", "/a/b-2.txt x", (1, 10, 10)),
    ("nothing-in-common", "ab", "cd", (0, 2, 2)),
    ("empty", "", "ab", (0, 0, 2)),
]


@pytest.mark.parametrize(
    ("old", "new", "place"), [row[1:] for row in PLACES], ids=[row[0] for row in PLACES]
)
def test_the_place_of_a_change(old: str, new: str, place: tuple[int, int, int]) -> None:
    start, old_end, new_end = change(old, new)

    assert (start, old_end, new_end) == place
    assert old[:start] == new[:start]


@pytest.mark.parametrize("coloured", [False, True])
def test_a_text_that_is_missing_stays_so(coloured: bool) -> None:
    assert marked(None, None, coloured=coloured) == (None, None)
