"""Writes captured turns to a file of their own, one for each start of the proxy.

A thread does the writing, so the path of a request never waits for it. What does not fit is dropped
and counted: at the end of the file's size, or where the disk is slower than the traffic.
"""

import contextlib
import os
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from warmprefix.capture.line import KEPT_HEADERS, Captured, line_of
from warmprefix.core.errors import ConfigError
from warmprefix.core.turn import Turn
from warmprefix.log.writer import write_all

MAX_FILE_BYTES = 1 << 30
"""Some thousand turns of an agent, whose requests are 200 kB each; then no more is captured."""

MAX_WAITING_BYTES = 64 << 20
"""Text that may wait for the disk: more than a minute of the heaviest traffic of one machine."""

MAX_RESPONSE_BYTES = 16 << 20
"""What is kept of one reply; the longest is some 100 kB of text, a stream ten times that."""

CLOSE_S = 5.0
"""How long `close` waits for the disk."""

END = None
Say = Callable[[str], None]


@dataclass(slots=True)
class Tape:
    """One exchange that is being captured. `headers`: only those that may be kept."""

    capture: "Capture"
    started_s: float
    path: str
    headers: Mapping[str, str]
    request: bytes
    response: list[bytes] = field(default_factory=list)
    size: int = 0

    def feed(self, piece: bytes) -> None:
        """A piece of the reply, as the backend sent it."""
        if self.size < MAX_RESPONSE_BYTES:
            self.size += len(piece)
            self.response.append(piece)

    def end(self, turn: Turn, *, as_received: bool) -> None:
        """The exchange has ended; returns at once."""
        moment = datetime.fromtimestamp(self.started_s, UTC).isoformat(timespec="milliseconds")
        self.capture.write(
            Captured(
                time=moment.replace("+00:00", "Z"),
                turn=turn.id,
                path=self.path,
                headers=self.headers,
                status=turn.status,
                outcome=turn.outcome.value,
                as_received=as_received,
                stats=turn.stats,
                request=self.request,
                response=b"".join(self.response),
            )
        )


class Capture:
    """An open capture file. `turns`: those written; `dropped`: those that were not."""

    def __init__(
        self,
        folder: Path,
        say: Say,
        *,
        max_file_bytes: int = MAX_FILE_BYTES,
        max_waiting_bytes: int = MAX_WAITING_BYTES,
    ) -> None:
        """Creates the file. Raises ConfigError where that fails."""
        self.turns = 0
        self.dropped = 0
        self._say = say
        self._room = max_file_bytes
        self._max_waiting = max_waiting_bytes
        self._waiting = 0
        self._stopped = False
        self._lock = threading.Lock()
        self._queue: queue.SimpleQueue[Captured | None] = queue.SimpleQueue()
        self.path, self._descriptor = create_file(folder)
        # A daemon, so that a disk that takes nothing cannot keep the process alive.
        self._writer = threading.Thread(target=self._run, name="capture", daemon=True)
        self._writer.start()

    def tape(self, path: str, headers: Mapping[str, str], request: bytes, started_s: float) -> Tape:
        """What captures one exchange. `headers` have lower-case names."""
        kept = {name: value for name, value in headers.items() if name in KEPT_HEADERS}
        return Tape(self, started_s, path, kept, request)

    def write(self, turn: Captured) -> None:
        """Queues one turn; never waits."""
        size = len(turn.request) + len(turn.response)
        with self._lock:
            if self._waiting + size > self._max_waiting and self._waiting:
                self.dropped += 1
                return
            self._waiting += size
        self._queue.put(turn)

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """Writes what is queued, for `timeout_s` at most, and says what was captured."""
        self._queue.put(END)
        self._writer.join(timeout_s)
        if not self._writer.is_alive():
            os.close(self._descriptor)
        lost = f"; {self.dropped} more did not fit" if self.dropped else ""
        self._say(f"captured {self.turns} turns in {self.path}{lost}")

    def _run(self) -> None:
        while (turn := self._queue.get()) is not END:
            with self._lock:
                self._waiting -= len(turn.request) + len(turn.response)
            if not self._stopped and self._write(line_of(turn)):
                self.turns += 1
            else:
                self.dropped += 1

    def _write(self, line: bytes) -> bool:
        """Whether the line was written; the first that is not ends the capture."""
        problem = "it is full" if len(line) > self._room else None
        try:
            if problem is None:
                write_all(self._descriptor, line)
        except OSError as error:
            problem = error.strerror
        if problem is None:
            self._room -= len(line)
            return True
        self._stopped = True
        self._say(f"{self.path}: {problem}; nothing more is captured")
        return False


def create_file(folder: Path) -> tuple[Path, int]:
    """A new file of mode 0600 in `folder`, and its descriptor. Raises ConfigError."""
    name = f"capture-{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for suffix in ("", *(f"-{number}" for number in range(1, 100))):
            path = folder / f"{name}{suffix}.jsonl"
            with contextlib.suppress(FileExistsError):
                return path, os.open(path, flags, 0o600)
    except OSError as error:
        raise ConfigError(f"flag --capture: {folder}: {error.strerror}") from None
    raise ConfigError(f"flag --capture: {folder}: a hundred captures began in this second")
