"""A question to a far store ends in time, whatever the store does. What it says aloud: test_behind.py."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace

import pytest

from warmprefix.core.errors import StoreError
from warmprefix.core.memory.ledger import NOTHING, Found, Past
from warmprefix.stores import timed_reader
from warmprefix.stores.timed_reader import TimedReader


class Far:
    """Hangs while `answers` is cleared, raises `error` if there is one."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.answers.set()
        self.error: Exception | None = None
        self.done: list[str] = []

    def find(self, keys: Sequence[bytes]) -> Found:
        self.done.append("find")
        self.answers.wait(10)
        if self.error is not None:
            raise self.error
        return NOTHING

    def past(self, conversation: str | None, landmarks: Sequence[bytes]) -> Past | None:
        self.done.append("past")
        if self.error is not None:
            raise self.error
        return None

    def interrupt(self) -> None:
        self.done.append("interrupt")

    def disconnect(self) -> None:
        self.done.append("disconnect")


@pytest.fixture
def far() -> Far:
    return Far()


@pytest.fixture
async def reader(far: Far) -> AsyncIterator[TimedReader]:
    made = TimedReader(far)
    yield made
    far.answers.set()
    await made.close()


async def test_an_answer_is_what_the_store_says(far: Far, reader: TimedReader) -> None:
    assert await reader.find([b"k"]) is NOTHING
    assert far.done == ["find"]


@pytest.mark.parametrize(
    ("error", "says"),
    [
        pytest.param(StoreError("it is gone"), "it is gone", id="ours"),
        pytest.param(KeyError("k"), "cannot be read: 'k'", id="a-fault"),
    ],
)
async def test_every_error_is_ours(
    far: Far, reader: TimedReader, error: Exception, says: str
) -> None:
    far.error = error
    with pytest.raises(StoreError, match=says):
        await reader.find([b"k"])
    with pytest.raises(StoreError, match=says):
        await reader.past("c", [b"k"])
    far.error = None

    assert await reader.find([b"k"]) is NOTHING
    assert await reader.past("c", [b"k"]) is None


async def test_a_late_question_is_interrupted_and_the_next_refused_until_it_has_ended(
    far: Far, reader: TimedReader
) -> None:
    far.answers.clear()
    with pytest.raises(StoreError, match="within"):
        await reader.find([b"k"])
    with pytest.raises(StoreError, match="earlier"):
        await reader.find([b"k"])
    assert far.done == ["find", "interrupt"]

    far.answers.set()
    assert reader._late is not None
    await reader._late
    assert await reader.find([b"k"]) is NOTHING


async def test_a_late_question_does_not_hold_up_the_end(far: Far) -> None:
    reader = TimedReader(far)
    far.answers.clear()
    with pytest.raises(StoreError):
        await reader.find([b"k"])
    async with asyncio.timeout(5):
        await reader.close()
    far.answers.set()
    assert reader._late is not None
    await reader._late


async def test_a_ledger_that_has_become_slow_is_reported_once(
    reader: TimedReader, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """By a clock that says how long each question takes."""
    took_s, now_s = [0.03], [0.0]

    def clock() -> float:
        now_s[0] += took_s[0]
        return now_s[0]

    monkeypatch.setattr(timed_reader, "time", SimpleNamespace(monotonic=clock))
    for _ in range(600):
        await reader.find([b"k"])
    took_s[0] = 0.001
    for _ in range(400):
        await reader.find([b"k"])

    slow, quick = caplog.messages
    assert "the ledger is slow" in slow
    assert " ms or more" in slow
    assert quick == "the ledger answers quickly again"
