"""Writes captured turns to a file of their own, one for each start of the proxy.

A thread does the writing (log/lines.py), so no request waits for it. Turns are dropped and counted once the
file has reached its size, or while the disk is slower than the traffic.
"""

import contextlib
import errno
import logging
import os
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from warmprefix.capture.line import KEPT_HEADERS, Captured, line_of
from warmprefix.core.errors import ConfigError
from warmprefix.log.lines import LineWriter, not_written
from warmprefix.log.sinks import write_all
from warmprefix.pipeline.stages import Ended, Patch

MAX_FILE_BYTES = 1 << 30
"""Some thousand turns of an agent with requests of 200 kB; after that no more is captured."""

MAX_WAITING_BYTES = 64 << 20
"""Text that may wait for the disk: more than a minute of the heaviest traffic of one machine."""

MAX_RESPONSE_BYTES = 16 << 20
"""The most that is captured of one reply; the longest is some 100 kB of text, as a stream ten times that."""

CLOSE_S = 5.0
"""How long `close` waits for the disk."""

logger = logging.getLogger(__name__)


class CaptureFile:
    """The sink of a capture. The first line that fails ends it: half of that line may be in the file."""

    def __init__(self, path: Path, descriptor: int, room: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self._room = room
        self._has_ended = False

    def write(self, line: bytes) -> None:
        """Writes the whole line. Raises OSError if that fails, and for every line after that."""
        if self._has_ended:
            raise OSError(errno.EFBIG, "it has ended")
        try:
            self._append(line)
        except OSError as error:
            self._has_ended = True
            logger.warning("%s: %s; nothing more is captured", self._path, error.strerror)
            raise

    def _append(self, line: bytes) -> None:
        if len(line) > self._room:
            raise OSError(errno.EFBIG, "it is full")
        write_all(self._descriptor, line)
        self._room -= len(line)

    def close(self) -> None:
        """Closes the file."""
        os.close(self._descriptor)


class Capture:
    """An open capture file."""

    reason = "capture"
    most_response_bytes = MAX_RESPONSE_BYTES

    def __init__(
        self,
        folder: Path,
        *,
        max_file_bytes: int = MAX_FILE_BYTES,
        max_waiting_bytes: int = MAX_WAITING_BYTES,
    ) -> None:
        """Creates the file. Raises ConfigError if that fails."""
        self.path, descriptor = create_file(folder)
        self._writer = LineWriter(
            CaptureFile(self.path, descriptor, max_file_bytes),
            name="capture",
            max_waiting_bytes=max_waiting_bytes,
            ended=self._report_lost,
        )

    @property
    def turns(self) -> int:
        """How many turns are written."""
        return self._writer.written

    @property
    def dropped(self) -> int:
        """How many turns are not written and will not be."""
        return self._writer.dropped + self._writer.failed

    def ended(self, ended: Ended) -> Patch:
        """Queues a turn whose exchange has ended; returns at once."""
        came, moment = ended.came, datetime.fromtimestamp(ended.times.started_s, UTC)
        kept = {name: value for name, value in came.headers.items() if name in KEPT_HEADERS}
        self.write(
            Captured(
                time=moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                turn=came.turn,
                path=came.endpoint,
                headers=kept,
                status=ended.status,
                outcome=ended.outcome.value,
                as_received=ended.body == came.body,
                stats=ended.stats,
                request=came.body,
                response=b"".join(ended.pieces),
                total_ms=round(ended.times.total_ms, 3),
                first_ms=None if (first := ended.times.first_ms) is None else round(first, 3),
            )
        )
        return {}

    def write(self, turn: Captured) -> None:
        """Queues one turn; never waits."""
        self._writer.put_unmade(partial(line_of, turn), len(turn.request) + len(turn.response))

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """Writes what is queued, for `timeout_s` at most, and says what was captured."""
        self._writer.close(timeout_s)
        unwritten = self.dropped + self._writer.waiting
        lost = f"; {unwritten} more did not fit" if unwritten else ""
        logger.info("captured %d turns in %s%s", self.turns, self.path, lost)

    def _report_lost(self, lines: int) -> None:
        logger.warning("%s: %s: too many waited for the disk", self.path, not_written(lines))


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
