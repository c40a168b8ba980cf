"""Where a text is cut, and by what it is recognised."""

import random
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmprefix.core.identity.plain import cuts, keys_at, line_keys, long_lines

TEXTS = st.text(st.sampled_from("ab \né😀"), max_size=400)
LINES = "".join(f"Line {number} says that it rains.\n" for number in range(100))


@given(text=TEXTS, more=TEXTS)
def test_what_two_texts_share_is_cut_alike(text: str, more: str) -> None:
    short, long = list(cuts(text)), list(cuts(text + more))

    assert long[: len(short)] == short


@given(text=TEXTS)
def test_pieces_end_inside_the_text_and_are_not_tiny(text: str) -> None:
    ends = [0, *cuts(text)]

    assert ends[-1] <= len(text)
    assert all(32 <= end - start <= 64 for start, end in pairwise(ends))


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("a" * 63, [], id="no-place-yet"),
        pytest.param("a" * 64, [64], id="no-place-at-all"),
        pytest.param("a" * 40 + " " + "a" * 23, [41], id="behind-a-blank"),
        pytest.param("a" * 40 + " " + "a" * 22, [], id="a-line-end-may-still-come"),
        pytest.param("a" * 35 + " " + "a" * 10 + "\n", [47], id="rather-behind-a-line"),
        pytest.param("a" * 31 + "\n", [32], id="as-soon-as-it-is-long-enough"),
        pytest.param("a" * 30 + "\n" + "a" * 33, [64], id="not-sooner"),
    ],
)
def test_a_piece_ends_behind_a_line_or_a_blank(text: str, ends: list[int]) -> None:
    assert list(cuts(text)) == ends


def test_a_megabyte_has_some_hundred_pieces_and_takes_milliseconds() -> None:
    words = random.Random(1).choices(["rain", "sea", "wind\n", "harbour"], k=200_000)
    text = " ".join(words)
    began = time.perf_counter()
    ends = list(cuts(text))
    keys_at(text, ends, b"root")
    took_s = time.perf_counter() - began

    assert len(text) > 1_000_000
    assert 100 < len(ends) < 500
    assert took_s < 0.2  # a few milliseconds on an idle machine


@given(text=TEXTS, ends=st.lists(st.integers(0, 400), max_size=5))
def test_the_key_of_a_place_does_not_depend_on_other_places(text: str, ends: list[int]) -> None:
    places = sorted(min(end, len(text)) for end in ends)
    keys = keys_at(text, places, b"root")

    for place, key in zip(places, keys, strict=True):
        assert keys_at(text[:place], [place], b"root") == (key,)


def test_keys_differ_by_text_and_root() -> None:
    keys = {keys_at(text, [1], root) for text in "ab" for root in (b"r", b"s")}

    assert len(keys) == 4


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param("", (), id="nothing"),
        pytest.param("a long line without its end", (), id="open"),
        pytest.param("a long line that has its end\nYou:", ("a long line that has its end",), id="whole"),
        pytest.param("x\na long line that has its end\ny\n", ("a long line that has its end",), id="short"),
    ],
)  # fmt: skip
def test_long_lines_are_whole_ones(text: str, lines: tuple[str, ...]) -> None:
    assert long_lines(text) == lines


def test_only_the_last_lines_are_looked_at() -> None:
    lines = long_lines(LINES * 9)

    assert len(lines) == 256
    assert lines == tuple((LINES * 9).splitlines()[-256:])
    assert len(set(line_keys(LINES * 9, b"root"))) == 100
    assert line_keys(LINES, b"root") != line_keys(LINES, b"other")
