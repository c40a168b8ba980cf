"""The wall: what fails behind it is counted, named and told, and goes no further."""

import asyncio
from pathlib import Path

import pytest

from warmprefix.core.errors import StoreError
from warmprefix.counters import Counters
from warmprefix.guard import guard
from warmprefix.log.operator import operator_log


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the wall reads."""
    now = [1000.0]
    monkeypatch.setattr("warmprefix.guard.monotonic", lambda: now[0])
    return now


def fail(
    counters: Counters, reason: str, error: BaseException, noted: list[str] | None = None
) -> bool:
    """Raise behind a wall; whether it went no further."""
    with guard(counters, reason, noted):
        raise error
    return True


def test_a_failure_is_counted_named_once_and_goes_no_further() -> None:
    counters, noted = Counters(), ["store"]

    assert fail(counters, "record", KeyError("x"), noted)
    assert fail(counters, "record", ValueError("y"), noted)
    assert counters.fail_open == {"record": 2}
    assert noted == ["store", "record"]


def test_what_goes_well_leaves_nothing(caplog: pytest.LogCaptureFixture) -> None:
    counters, noted = Counters(), list[str]()
    with guard(counters, "record", noted):
        pass

    assert not counters.fail_open
    assert noted == []
    assert caplog.text == ""


def test_a_failure_that_belongs_to_no_turn_is_counted_too() -> None:
    counters = Counters()

    assert fail(counters, "routing", KeyError("x"))
    assert counters.fail_open == {"routing": 1}


@pytest.mark.parametrize(
    "error", [asyncio.CancelledError(), KeyboardInterrupt(), SystemExit(), GeneratorExit()]
)
def test_what_ends_a_task_or_the_process_goes_through(error: BaseException) -> None:
    counters, noted = Counters(), list[str]()

    with pytest.raises(type(error)):
        fail(counters, "slot", error, noted)
    assert not counters.fail_open
    assert noted == []


def test_the_operator_sees_where_it_failed_once_a_minute_for_each_reason(
    caplog: pytest.LogCaptureFixture, clock: list[float]
) -> None:
    counters = Counters()
    told = []
    for after_s, reason in [
        (0, "record"),
        (59, "record"),
        (0, "slot"),
        (1, "record"),
        (30, "slot"),
    ]:
        clock[0] += after_s
        fail(counters, reason, KeyError("x"))
        told.append(caplog.text)
        caplog.clear()

    assert [bool(text) for text in told] == [True, False, True, True, False]
    assert "ERROR" in told[0]
    assert "record failed, requests go on without it: KeyError\n" in told[0]
    assert told[0].count("Traceback") == 1
    assert "in fail\n    raise error" in told[0]
    assert told[0].endswith("KeyError: 'x'\n")
    assert counters.fail_open == {"record": 3, "slot": 2}


def test_every_failure_is_told_for_debugging(
    caplog: pytest.LogCaptureFixture, clock: list[float]
) -> None:
    caplog.set_level("DEBUG", "warmprefix")
    counters = Counters()
    for _ in range(3):
        fail(counters, "record", KeyError("x"))

    assert [record.levelname for record in caplog.records] == ["ERROR", "DEBUG", "DEBUG"]
    assert caplog.text.count("in fail\n    raise error") == 3


def test_an_error_of_our_own_says_it_in_a_line(caplog: pytest.LogCaptureFixture) -> None:
    fail(Counters(), "store", StoreError("the disk is full"))

    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert caplog.text.count("\n") == 1
    assert record.getMessage() == ("store failed, requests go on without it: the disk is full")


@pytest.mark.parametrize("stream", [None, "closed"])
def test_nobody_to_be_told_is_no_failure(stream: str | None, tmp_path: Path) -> None:
    """A program without a console has no standard error."""
    closed = (tmp_path / "err").open("w")
    closed.close()

    with operator_log("info", closed if stream else None):
        assert fail(Counters(), "record", KeyError("x"))
