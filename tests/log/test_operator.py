"""The operator's log: form and levels of a message, and a standard error that nobody reads."""

import asyncio
import gc
import io
import logging
import re
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.fakes.unread import UnreadPipe
from warmprefix.log.operator import MAX_WAITING_BYTES, LineHandler, operator_log

OURS = logging.getLogger("warmprefix.anywhere")
OTHER = logging.getLogger("somebody.else")
TIME = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"


class Output(io.StringIO):
    """What was written. It can be read after it was closed."""


@pytest.fixture
def output() -> Output:
    """Standard error."""
    return Output()


def lines(output: Output) -> list[str]:
    return output.getvalue().splitlines()


def test_a_message_has_time_level_and_our_name(output: Output) -> None:
    with operator_log("info", output):
        OURS.warning("the %s is %s", "disk", "full")

    assert re.fullmatch(rf"{TIME} WARNING warmprefix: the disk is full\n", output.getvalue())


def test_the_time_is_utc(output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        with operator_log("info", output):
            OURS.info("x")
    finally:
        monkeypatch.undo()
        time.tzset()

    hour = time.strftime("%Y-%m-%dT%H", time.gmtime())
    before = time.strftime("%Y-%m-%dT%H", time.gmtime(time.time() - 60))
    assert output.getvalue()[:13] in (hour, before)


LEVELS = ["error", "warning", "info", "debug"]


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_shows_itself_and_what_is_graver(level: str, output: Output) -> None:
    with operator_log(level, output):
        for each in LEVELS:
            OURS.log(logging.getLevelNamesMapping()[each.upper()], "x")

    shown = [line.split()[1].lower() for line in lines(output)]
    assert shown == LEVELS[: LEVELS.index(level) + 1]


@pytest.mark.parametrize("level", LEVELS)
def test_of_others_only_warnings_and_errors_are_shown_under_their_names(
    level: str, output: Output
) -> None:
    with operator_log(level, output):
        for each in LEVELS:
            OTHER.log(logging.getLevelNamesMapping()[each.upper()], "x")

    shown = [line.split(" ", 1)[1] for line in lines(output)]
    expected = ["ERROR somebody.else: x", "WARNING somebody.else: x"]
    assert shown == (expected[:1] if level == "error" else expected)


def test_an_error_follows_in_lines_of_its_own(output: Output) -> None:
    with operator_log("info", output):
        OURS.error("it failed:", exc_info=KeyError("x"))

    first, *rest = lines(output)
    assert first.endswith("ERROR warmprefix: it failed:")
    assert rest == ["KeyError: 'x'"]


def test_a_message_that_cannot_be_formatted_is_shown_as_it_is(output: Output) -> None:
    handler = LineHandler(output)
    handler.handle(OURS.makeRecord(OURS.name, logging.INFO, "", 1, "%d lines", ("none",), None))
    handler.writer.close(10)

    assert output.getvalue() == "INFO warmprefix.anywhere: '%d lines'\n"


def test_what_cannot_be_encoded_is_escaped(tmp_path: Path) -> None:
    with (tmp_path / "err").open("w") as stream, operator_log("info", stream):
        OURS.info("K\u00f6ln \ud800")

    assert (tmp_path / "err").read_text("utf-8").endswith("K\u00f6ln \\ud800\n")


class Unlucky:
    """Its finalizer fails."""

    def __del__(self) -> None:
        raise KeyError("finalizer")


def test_what_python_would_write_itself_comes_too(output: Output) -> None:
    """Each of them would wait for whoever reads standard error, in the event loop's own thread."""

    def fail() -> None:
        raise KeyError("thread")

    with operator_log("info", output):
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("careful", RuntimeWarning, stacklevel=1)
        unlucky = Unlucky()
        del unlucky
        gc.collect()
        thread = threading.Thread(target=fail, name="mine")
        thread.start()
        thread.join()
        loop = asyncio.new_event_loop()
        loop.call_exception_handler({"message": "never retrieved"})
        loop.close()

    shown = output.getvalue()
    assert "WARNING py.warnings: " in shown
    assert "RuntimeWarning: careful" in shown
    assert "KeyError: 'finalizer'" in shown
    assert "ERROR warmprefix: thread mine failed" in shown
    assert "KeyError: 'thread'" in shown
    assert "ERROR asyncio: never retrieved" in shown


def test_all_is_as_it_was_afterwards(output: Output) -> None:
    root, ours = logging.getLogger(), logging.getLogger("warmprefix")
    before = (root.level, ours.level, list(root.handlers), sys.unraisablehook, threading.excepthook)
    with operator_log("debug", output):
        pass
    after = (root.level, ours.level, list(root.handlers), sys.unraisablehook, threading.excepthook)

    assert after == before
    assert not any(thread.name == "operator log" for thread in threading.enumerate())


@pytest.fixture
def unread(tmp_path: Path) -> Iterator[UnreadPipe]:
    """A pipe that nobody reads."""
    with closing(UnreadPipe(tmp_path / "err")) as pipe:
        yield pipe


def test_a_reader_that_stopped_is_not_waited_for_and_is_told_what_it_missed(
    unread: UnreadPipe,
) -> None:
    text = "x" * 10_000
    messages = 2 * MAX_WAITING_BYTES // len(text)
    with open(unread.writer, "w", closefd=False) as stream, operator_log("error", stream):
        unread.fill()
        began = time.monotonic()
        for number in range(messages):
            OURS.error("%d %s", number, text)
        took_s = time.monotonic() - began
        deadline = time.monotonic() + 10
        while "were not written" not in unread.text() and time.monotonic() < deadline:
            time.sleep(0.001)

    told = unread.text().splitlines()
    found = re.search(r"standard error is written again; (\d+) lines were not written", told[-1])
    assert took_s < 5
    assert found is not None
    assert int(found[1]) + len(told) - 1 == messages
    numbers = [int(line.split()[3]) for line in told[:-1]]
    assert numbers == sorted(set(numbers))
    assert all(line.endswith(text) for line in told[:-1])


def test_the_end_does_not_wait_long_for_a_reader_that_stopped(unread: UnreadPipe) -> None:
    with open(unread.writer, "w", closefd=False) as stream:
        began = time.monotonic()
        with operator_log("info", stream):
            unread.fill()
            OURS.info("x")
        took_s = time.monotonic() - began
        unread.text()  # so that the thread ends before its descriptor is closed
        for thread in threading.enumerate():
            if thread.name == "operator log":
                thread.join(10)

    assert took_s < 5
