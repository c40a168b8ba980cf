"""The turn log: the schema of a line, no waiting, rotation, and what happens when writing fails."""

import io
import json
import os
import stat
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import IO

import pytest

from tests.fakes.unread import UnreadPipe
from warmprefix.core.errors import ConfigError
from warmprefix.log.writer import FIELDS, TurnLog, line_of


def written(log: TurnLog, *records: Mapping[str, object]) -> None:
    for record in records:
        log.write(record)
    log.close()


@pytest.mark.parametrize("stream", [io.StringIO(), io.BytesIO()], ids=["text", "binary"])
def test_a_turn_is_one_json_line_with_all_fields_in_order(stream: IO[str] | IO[bytes]) -> None:
    log = TurnLog(stream)

    written(log, {"kind": "append", "time": "t", "prompt": "secret"}, {"kind": "cold"})

    stream.seek(0)
    first, second = (json.loads(line) for line in stream.read().splitlines())
    assert tuple(first) == FIELDS
    assert (first["time"], first["kind"], first["turn"]) == ("t", "append", None)
    assert second["kind"] == "cold"
    assert (log.dropped, log.failed) == (0, 0)


ODD = [
    pytest.param("\ud800", "\ud800", id="lone-surrogate"),
    pytest.param(2**70, 2**70, id="long-integer"),
    pytest.param(Path("/x"), "/x", id="unknown-type"),
    pytest.param("a\nb", "a\nb", id="line-end"),
]


@pytest.mark.parametrize(("value", "expected"), ODD)
def test_whatever_a_record_holds_becomes_one_line(value: object, expected: object) -> None:
    line = line_of({"client": value})

    assert line.count(b"\n") == 1
    assert line.endswith(b"}\n")
    assert json.loads(line)["client"] == expected


def test_a_stream_that_takes_nothing_makes_nobody_wait() -> None:
    """A full pipe nobody reads: lines are dropped and counted, close gives up, the rest arrives."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    filler = fill(writer)
    os.set_blocking(writer, True)
    with os.fdopen(writer, "wb") as stream, os.fdopen(reader, "rb") as source:
        log = TurnLog(stream, max_waiting_bytes=2 * len(line_of({"index": 0})))
        begin = time.monotonic()

        for index in range(10):
            log.write({"index": index})
        log.close(timeout_s=0.05)

        assert time.monotonic() - begin < 5
        assert log.dropped >= 7
        assert source.read(filler) == b"x" * filler
        for _ in range(10 - log.dropped):
            assert json.loads(source.readline())["index"] is not None
        log.close()


@pytest.mark.parametrize("blocked", ["stream", "file"])
def test_one_place_that_takes_nothing_costs_the_other_no_line(
    blocked: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And at the end it is said how many lines it did not get."""
    plain = tmp_path / "plain"
    with (
        closing(UnreadPipe(tmp_path / "pipe")) as pipe,
        (pipe.path if blocked == "stream" else plain).open("wb") as stream,
    ):
        log = TurnLog(stream, plain if blocked == "stream" else pipe.path)
        pipe.fill()
        for index in range(50):
            log.write({"index": index})
        log.close(timeout_s=0.5)
        told = caplog.messages.copy()
        pipe.text()  # so that the thread ends before its descriptor is closed
        log.close(timeout_s=10)

    lines = [json.loads(line)["index"] for line in plain.read_text().splitlines()]
    name = "standard output" if blocked == "stream" else str(pipe.path)
    assert lines == list(range(50))
    assert told == [f"the turn log ends: {name}; 50 lines were not written"]


def fill(descriptor: int) -> int:
    total = 0
    while True:
        try:
            total += os.write(descriptor, b"x" * 4096)
        except BlockingIOError:
            return total


def test_a_non_blocking_stream_gets_whole_lines() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with os.fdopen(writer, "wb") as stream, os.fdopen(reader, "rb") as source:
        log = TurnLog(stream)
        for index in range(2000):
            log.write({"index": index})

        indexes = [json.loads(source.readline())["index"] for _ in range(2000)]

        log.close()
    assert indexes == list(range(2000))


def test_the_file_is_private_and_goes_on_where_it_ended(tmp_path: Path) -> None:
    path = tmp_path / "new" / "turns.log"

    written(TurnLog(None, path), {"index": 1})
    written(TurnLog(None, path), {"index": 2})

    assert [json.loads(line)["index"] for line in path.read_text().splitlines()] == [1, 2]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


ROTATIONS = [
    pytest.param(0, {"t.log": [5]}, id="no-backups"),
    pytest.param(1, {"t.log": [5], "t.log.1": [3, 4]}, id="one"),
    pytest.param(9, {"t.log": [5], "t.log.1": [3, 4], "t.log.2": [1, 2]}, id="many"),
]


@pytest.mark.parametrize(("backups", "expected"), ROTATIONS)
def test_a_file_is_rotated_before_it_outgrows_its_limit(
    backups: int, expected: dict[str, list[int]], tmp_path: Path
) -> None:
    two_lines = 2 * len(line_of({"index": 1}))
    log = TurnLog(None, tmp_path / "t.log", max_bytes=two_lines, backups=backups)

    written(log, *({"index": index} for index in range(1, 6)))

    found = {
        file.name: [json.loads(line)["index"] for line in file.read_text().splitlines()]
        for file in tmp_path.iterdir()
    }
    assert found == expected
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in tmp_path.iterdir())


def test_a_line_longer_than_the_limit_is_written_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "t.log"

    written(TurnLog(None, path, max_bytes=1, backups=0), {"index": 1})

    assert json.loads(path.read_text())["index"] == 1


def test_an_unusable_file_is_refused_before_the_first_turn(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")

    with pytest.raises(ConfigError, match=r"log\.file: .*taken.*: cannot be written: "):
        TurnLog(None, tmp_path / "taken" / "turns.log")


def test_a_broken_stream_is_counted_and_the_file_goes_on(tmp_path: Path) -> None:
    stream = io.StringIO()
    stream.close()
    log = TurnLog(stream, tmp_path / "t.log")

    written(log, {"index": 1}, {"index": 2})

    assert log.failed == 2
    assert len((tmp_path / "t.log").read_text().splitlines()) == 2


def test_after_close_lines_are_dropped_and_the_thread_is_gone() -> None:
    log = TurnLog(io.StringIO())

    log.close()
    log.close()
    log.write({"index": 1})

    assert log.dropped == 1
    assert not any("turn log" in thread.name for thread in threading.enumerate())


def test_the_file_is_opened_anew_for_whoever_has_moved_it(tmp_path: Path) -> None:
    file = tmp_path / "turns.log"
    log = TurnLog(None, file)
    file.rename(tmp_path / "moved.log")
    log.reopen(file, max_bytes=10485760, backups=5)
    log.close()

    assert file.read_bytes() == b""
    assert (log.dropped, log.failed) == (0, 0)


def test_lines_go_to_another_file_from_then_on(tmp_path: Path) -> None:
    one, two = tmp_path / "one.log", tmp_path / "two.log"
    log = TurnLog(None, one)
    log.write({"kind": "cold"})
    log.reopen(two, max_bytes=10, backups=1)
    log.write({"kind": "append"})
    log.reopen(two, max_bytes=10485760, backups=1)
    log.write({"kind": "fork"})
    log.reopen(None, max_bytes=10, backups=1)
    log.write({"kind": "side"})
    log.close()

    kinds = [json.loads(line)["kind"] for line in two.read_bytes().splitlines()]
    assert sorted(kinds) == ["append", "fork"]


def test_a_file_that_cannot_be_used_leaves_the_log_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "turns.log"
    (tmp_path / "taken").write_text("")
    log = TurnLog(None, file)
    with pytest.raises(ConfigError):
        log.reopen(tmp_path / "taken" / "x.log", max_bytes=10, backups=1)
    written(log, {"kind": "cold"})

    assert b'"cold"' in file.read_bytes()
