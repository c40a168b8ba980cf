"""Following a log like `tail -F`; the test is what happens while the follower waits."""

import io
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from warmprefix.cli.follow_file import followed_lines, last_lines, stream_lines


class Script:
    """Called whenever the follower waits: does the next step, fails when none is left."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        self.steps = list(steps)

    def __call__(self) -> None:
        assert self.steps, "the follower waits for ever"
        self.steps.pop(0)()


def add(path: Path, text: str) -> Callable[[], object]:
    def step() -> None:
        with path.open("a") as file:
            file.write(text)

    return step


def replace(path: Path, last_words: str = "") -> Callable[[], object]:
    def step() -> None:
        add(path, last_words)()
        path.rename(path.with_suffix(".1"))

    return step


def take(lines: Iterator[bytes], count: int) -> list[bytes]:
    return [line.rstrip(b"\n") for line in islice(lines, count)]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "turns.log"
    path.write_text("1\n2\n3\n")
    return path


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        pytest.param(0, [b"4"], id="none"),
        pytest.param(2, [b"2", b"3", b"4"], id="some"),
        pytest.param(9, [b"1", b"2", b"3", b"4"], id="all"),
    ],
)
def test_the_last_lines_come_first_then_new_ones(
    log: Path, last: int, expected: list[bytes]
) -> None:
    lines = followed_lines(log, last, Script(add(log, "4\n")))

    assert take(lines, len(expected)) == expected


def test_a_line_is_given_once_it_is_finished(log: Path) -> None:
    add(log, "ha")()
    lines = followed_lines(log, 1, Script(add(log, "l"), add(log, "f\n")))

    assert take(lines, 2) == [b"3", b"half"]


def test_rotation_loses_no_line(log: Path) -> None:
    script = Script(replace(log, "4\n5\n"), add(log, "6\n"))

    assert take(followed_lines(log, 0, script), 3) == [b"4", b"5", b"6"]


def test_a_rotated_file_is_read_on_until_the_new_one_is_there(log: Path) -> None:
    script = Script(replace(log), add(log.with_suffix(".1"), "4\n"), add(log, "5\n"))

    assert take(followed_lines(log, 0, script), 2) == [b"4", b"5"]


def test_a_truncated_file_is_read_from_its_begin(log: Path) -> None:
    script = Script(lambda: log.write_text("n\n"))

    assert take(followed_lines(log, 0, script), 1) == [b"n"]


def test_a_file_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "later.log"

    assert take(followed_lines(path, 5, Script(add(path, "1\n"))), 1) == [b"1"]


def test_without_following_the_last_lines_are_all(log: Path) -> None:
    add(log, "unfinished")()

    assert last_lines(log, 2) == [b"3\n", b"unfinished"]


def test_a_stream_is_shown_whole_or_its_last_lines() -> None:
    text = b"1\n2\n3\n"

    assert list(stream_lines(io.BytesIO(text), 1, follow=True)) == [b"1\n", b"2\n", b"3\n"]
    assert list(stream_lines(io.BytesIO(text), 1, follow=False)) == [b"3\n"]
