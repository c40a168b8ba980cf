"""One sink's queue and thread: nobody waits, what is lost is counted and told once."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.fakes.unread import UnreadPipe
from warmprefix.log.lines import TOO_MANY_WAIT, LineWriter, close_all, not_written
from warmprefix.log.sinks import Descriptor

LINE = b"x" * 99 + b"\n"
DEADLINE_S = 10.0


@dataclass
class Slow:
    """A sink that writes a line when it is told to. `trouble`: what it raises instead, one for each."""

    allowed: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    trouble: list[Exception | None] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    is_closed: bool = False

    def write(self, line: bytes) -> None:
        self.begun.release()
        self.allowed.acquire(timeout=DEADLINE_S)
        if self.trouble and (error := self.trouble.pop(0)) is not None:
            raise error
        self.lines.append(line)

    def close(self) -> None:
        self.is_closed = True


@dataclass
class Told:
    """What is told of lost lines."""

    began: list[str] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)


@pytest.fixture
def sink() -> Slow:
    """Takes nothing yet."""
    return Slow()


@pytest.fixture
def told() -> Told:
    """Nothing yet."""
    return Told()


def writer(sink: Slow, told: Told, max_waiting_bytes: int = 300) -> LineWriter:
    return LineWriter(
        sink,
        name="lines",
        max_waiting_bytes=max_waiting_bytes,
        began=told.began.append,
        ended=told.ended.append,
    )


def allow(sink: Slow, lines: int) -> None:
    for _ in range(lines):
        sink.allowed.release()


def test_lines_are_written_in_their_order_and_the_sink_is_closed(sink: Slow, told: Told) -> None:
    lines = writer(sink, told, 1 << 20)
    allow(sink, 100)
    for number in range(100):
        assert lines.put(b"%d\n" % number)
    lines.close(DEADLINE_S)
    lines.close(DEADLINE_S)

    assert sink.lines == [b"%d\n" % number for number in range(100)]
    assert sink.is_closed
    assert (lines.written, lines.dropped, lines.failed, lines.waiting) == (100, 0, 0, 0)
    assert told == Told()


def test_what_does_not_fit_is_dropped_counted_and_told_once_it_moves_again(
    sink: Slow, told: Told
) -> None:
    lines = writer(sink, told)
    lines.put(b"first\n")
    sink.begun.acquire(timeout=DEADLINE_S)  # from now on it is no longer waiting
    queued = [lines.put(LINE) for _ in range(8)]
    assert queued == [True] * 3 + [False] * 5
    assert told == Told([TOO_MANY_WAIT], [])
    allow(sink, 4)
    lines.close(DEADLINE_S)

    assert sink.lines == [b"first\n", LINE, LINE, LINE]
    assert (lines.written, lines.dropped, lines.lost) == (4, 5, 0)
    assert told == Told([TOO_MANY_WAIT], [5])


def test_a_flickering_sink_is_one_time_of_trouble(sink: Slow, told: Told) -> None:
    """It is over when a line was written and none waits."""
    full = OSError(28, "No space left on device")
    sink.trouble = [full, None, full, None, None]
    lines = writer(sink, told, 1 << 20)
    for _ in range(4):
        lines.put(LINE)
    allow(sink, 5)
    lines.close(DEADLINE_S)

    assert told == Told(["No space left on device"], [2])
    assert (lines.written, lines.failed) == (2, 2)


def test_one_line_alone_is_taken_whatever_its_size(sink: Slow, told: Told) -> None:
    lines = writer(sink, told, 1)
    allow(sink, 1)

    assert lines.put(LINE)
    lines.close(DEADLINE_S)
    assert sink.lines == [LINE]


def test_a_line_is_made_in_the_thread_and_one_that_cannot_be_made_is_lost(
    sink: Slow, told: Told
) -> None:
    made_in: list[str] = []

    def make() -> bytes:
        made_in.append(threading.current_thread().name)
        return LINE

    def fail() -> bytes:
        raise KeyError("x")

    lines = writer(sink, told)
    allow(sink, 3)
    lines.put_unmade(fail, 100)
    lines.put_unmade(make, 100)
    lines.close(DEADLINE_S)

    assert (sink.lines, made_in) == ([LINE], ["lines"])
    assert told == Told(["'x'"], [1])


def test_after_the_end_lines_are_dropped_in_silence(sink: Slow, told: Told) -> None:
    lines = writer(sink, told)
    lines.close(DEADLINE_S)

    assert not lines.put(LINE)
    assert lines.dropped == 1
    assert told == Told()


def test_a_line_from_within_a_line_makes_no_deadlock(sink: Slow, told: Told) -> None:
    """A signal, or the garbage collector, may tell something while a line is being queued."""
    lines = writer(sink, told)
    allow(sink, 1)

    def both() -> None:
        with lines._lock:
            lines.put(LINE)

    inner = threading.Thread(target=both, daemon=True)
    inner.start()
    inner.join(DEADLINE_S)

    assert not inner.is_alive()
    lines.close(DEADLINE_S)


def test_what_is_told_is_told_outside_the_lock(sink: Slow) -> None:
    """Who is told may queue a line in the same writer, from another thread too."""
    done: list[int] = []

    def ended(count: int) -> None:
        other = threading.Thread(target=lambda: lines.put(b"told\n"), daemon=True)
        other.start()
        other.join(DEADLINE_S)
        done.append(count if not other.is_alive() else -1)

    sink.trouble = [OSError(28, "full")]
    lines = LineWriter(sink, name="lines", max_waiting_bytes=1000, ended=ended)
    lines.put(LINE)
    allow(sink, 3)
    sink.begun.acquire(timeout=DEADLINE_S)
    while not lines.failed:
        time.sleep(0.001)
    lines.put(LINE)
    sink.begun.acquire(timeout=DEADLINE_S)
    sink.begun.acquire(timeout=DEADLINE_S)
    lines.close(DEADLINE_S)

    assert done == [1]
    assert sink.lines == [LINE, b"told\n"]


@pytest.fixture
def pipes(tmp_path: Path) -> Iterator[tuple[UnreadPipe, UnreadPipe]]:
    """Two that nobody reads, filled to the brim."""
    one, two = UnreadPipe(tmp_path / "one"), UnreadPipe(tmp_path / "two")
    with closing(one), closing(two):
        one.fill()
        two.fill()
        yield one, two


def test_several_that_take_nothing_are_waited_for_together(
    pipes: tuple[UnreadPipe, UnreadPipe],
) -> None:
    writers = [
        LineWriter(Descriptor(pipe.writer), name="lines", max_waiting_bytes=1000) for pipe in pipes
    ]
    for each in writers:
        for _ in range(3):
            each.put(LINE)
    began = time.monotonic()
    close_all(writers, 0.2)
    took_s = time.monotonic() - began

    assert 0.2 <= took_s < 0.2 * 1.9
    assert [each.waiting for each in writers] == [3, 3]
    for pipe, each in zip(pipes, writers, strict=True):
        pipe.text()  # so that the thread ends before its descriptor is closed
        each.close(DEADLINE_S)
        assert each.waiting == 0


@pytest.mark.parametrize(
    ("lines", "text"), [(1, "1 line was not written"), (2, "2 lines were not written")]
)
def test_the_number_of_lost_lines_reads_well(lines: int, text: str) -> None:
    assert not_written(lines) == text
