"""Lines to one sink, written by a thread of its own. The turn log, the capture and the operator's log use it.

`LineWriter.put` never waits, so the event loop may call it. A sink that takes nothing, for example a pipe that
nobody reads, loses its own lines, but delays neither another sink nor the end of the process.
"""

import threading
import time
from collections.abc import Callable, Iterable
from queue import SimpleQueue

from warmprefix.core.plural import plural
from warmprefix.log.sinks import Sink

Line = bytes | Callable[[], bytes]

TOO_MANY_WAIT = "it takes no lines, and too many wait"
END = None


def ignore(_: object) -> None:
    """Does nothing."""


class LineWriter:
    """A bounded queue of lines and the thread that writes them.

    `written`, `dropped` (the queue was full or closed) and `failed` (the sink did not take them) count lines. A
    sink that fails is tried again with the next line.

    `began` is called with the reason when the first line is lost, `ended` with the number of lost lines once a
    line was written and none is waiting: one pair for each outage, even if single lines pass in between.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        name: str,
        max_waiting_bytes: int,
        began: Callable[[str], None] = ignore,
        ended: Callable[[int], None] = ignore,
    ) -> None:
        """Starts the thread. `name`: that of the thread."""
        self.written = 0
        self.dropped = 0
        self.failed = 0
        self._sink = sink
        self._began = began
        self._ended = ended
        self._room = max_waiting_bytes
        self._waiting_bytes = 0
        self._queued = 0
        self._lost = 0
        self._closed = False
        # Reentrant: a signal or the garbage collector may interrupt `put` with a message of its own.
        self._lock = threading.RLock()
        # SimpleQueue for the same reason: its `put` is reentrant.
        self._queue: SimpleQueue[tuple[Line, int] | None] = SimpleQueue()
        # A daemon, so that a sink that takes nothing cannot keep the process alive.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, line: bytes) -> bool:
        """Whether the line was queued; never waits. A line is always taken if no other waits, whatever its
        size."""
        return self._put(line, len(line))

    def put_unmade(self, make: Callable[[], bytes], size: int) -> bool:
        """The same for a line that takes long to make, so the thread makes it. `size`: bytes of memory until
        then."""
        return self._put(make, size)

    def _put(self, line: Line, size: int) -> bool:
        with self._lock:
            fits = not self._waiting_bytes or self._waiting_bytes + size <= self._room
            if fits and not self._closed:
                self._waiting_bytes += size
                self._queued += 1
                self._queue.put((line, size))
                return True
            self.dropped += 1
            is_first = self._lose()
        if is_first and not self._closed:
            self._began(TOO_MANY_WAIT)
        return False

    def end(self) -> None:
        """Takes no more lines; once the waiting ones are written, the thread closes the sink and ends."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._queue.put(END)

    def close(self, timeout_s: float) -> None:
        """`end`, and wait for it, for `timeout_s` at most. May be called twice."""
        self.end()
        self._thread.join(max(timeout_s, 0.0))

    @property
    def waiting(self) -> int:
        """Lines that were queued and are neither written nor lost yet."""
        with self._lock:
            return self._queued - self.written - self.failed

    @property
    def lost(self) -> int:
        """Lines lost since `ended` was last called."""
        return self._lost

    def _run(self) -> None:
        while (item := self._queue.get()) is not END:
            line, size = item
            with self._lock:
                self._waiting_bytes -= size
            self._write(line)
        self._sink.close()

    def _write(self, line: Line) -> None:
        try:
            self._sink.write(line if isinstance(line, bytes) else line())
        except Exception as error:  # the thread must go on, whatever a sink or a line is made of
            with self._lock:
                self.failed += 1
                is_first = self._lose()
            if is_first:
                self._began(str(getattr(error, "strerror", None) or error))
            return
        with self._lock:
            self.written += 1
            lost = 0 if self._queued > self.written + self.failed else self._lost
            self._lost -= lost
        if lost:
            self._ended(lost)

    def _lose(self) -> bool:
        """Whether this lost line is the first of an outage."""
        self._lost += 1
        return self._lost == 1


def close_all(writers: Iterable[LineWriter], timeout_s: float) -> None:
    """Close all of them, waiting for `timeout_s` at most in all."""
    several = tuple(writers)
    for writer in several:
        writer.end()
    latest = time.monotonic() + timeout_s
    for writer in several:
        writer.close(latest - time.monotonic())


def not_written(lines: int) -> str:
    """How many lines were lost, as a person reads it."""
    return plural(lines, "line was not written", "lines were not written")
