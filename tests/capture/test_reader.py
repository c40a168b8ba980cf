"""Turns are found in a capture while it grows."""

from pathlib import Path

import pytest

from warmprefix.capture.line import Captured, line_of
from warmprefix.capture.reader import CaptureReader
from warmprefix.core.types import CacheStats


def line(turn: str, request: bytes = b"{}") -> bytes:
    """One captured turn."""
    when = "2026-11-24T04:23:54.000Z"
    stats = CacheStats()
    return line_of(
        Captured(when, turn, "/v1/chat/completions", {}, 200, "ok", True, stats, request, b"{}")
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A capture of two turns."""
    path = tmp_path / "capture.jsonl"
    path.write_bytes(line("a", b"first") + line("b"))
    return path


def test_a_turn_is_found_by_its_id(file: Path) -> None:
    reader = CaptureReader(file)
    found = [reader.find(turn) for turn in ("b", "a", "a", "c")]

    assert [one and one.turn for one in found] == ["b", "a", "a", None]
    assert found[1] is not None
    assert found[1].request == b"first"


def test_a_line_that_is_still_being_written_is_found_later(file: Path) -> None:
    reader, whole = CaptureReader(file), line("c")
    with file.open("ab") as growing:
        growing.write(whole[:100])
        growing.flush()
        early = reader.find("c")
        growing.write(whole[100:])
        growing.flush()
        late = reader.find("c")

    assert early is None
    assert late is not None


def test_only_the_newest_are_remembered(file: Path) -> None:
    reader = CaptureReader(file, kept=1)

    assert reader.find("a") is None
    assert reader.find("b") is not None


@pytest.mark.parametrize("damage", [b"no JSON\n", b'{"time": "t", "turn": "c"}\n'])
def test_a_line_that_is_damaged_is_not_there(file: Path, damage: bytes) -> None:
    with file.open("ab") as growing:
        growing.write(damage + line("d"))
    reader = CaptureReader(file)

    assert reader.find("c") is None
    assert reader.find("d") is not None


def test_a_file_that_is_gone_has_nothing(tmp_path: Path) -> None:
    assert CaptureReader(tmp_path / "gone").find("a") is None
