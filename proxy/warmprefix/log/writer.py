"""The turn log: one JSON line a turn on a stream and, when configured, in a rotating file.

`TurnLog.write` may be called from the event loop: it never waits for standard output or the disk. A
thread does the writing; when it falls behind, lines are dropped and counted. What a record says is
decided elsewhere; here it gets its order and its bytes.
"""

import contextlib
import json
import os
import queue
import select
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import orjson

from warmprefix.core.errors import ConfigError

FIELDS: tuple[str, ...] = (
    "time",
    "turn",
    "conversation",
    "index",
    "parent",
    "client",
    "endpoint",
    "model",
    "stream",
    "status",
    "outcome",
    "kind",
    "prompt_tokens",
    "cached_tokens",
    "processed_tokens",
    "generated_tokens",
    "prewarmed_tokens",
    "direct_tokens",
    "kept_tokens",
    "kept_estimated",
    "cache_ratio",
    "prefix_messages",
    "prefix_characters",
    "prompt_characters",
    "break",
    "rules",
    "restored",
    "backend",
    "backend_reason",
    "slot",
    "slot_reason",
    "ttft_ms",
    "prompt_ms",
    "generate_ms",
    "total_ms",
    "proxy_ms",
    "would_save",
    "failed_open",
)
"""The fields of a line, in order; all are always there. Source: docs/design.md, Interfaces."""

QUEUE_LINES = 4096
"""Lines that may wait: hours of one person's turns, and a few MB at some hundred bytes a line."""

CLOSE_S = 2.0
"""How long `close` waits for a stream that takes nothing, for example a pipe nobody reads."""

END = b""
"""What ends the thread; no line is empty."""

Sink = Callable[[bytes], None]


@dataclass(slots=True)
class Outlet:
    """Where lines go. `lost`: lines in a row that it did not take, up to now."""

    name: str
    write: Sink
    lost: int = 0


class TurnLog:
    """Writes records as JSON lines. `dropped`: lines that found the queue full or the log closed.

    `failed`: lines that a stream or file did not take; the next ones are tried again. Standard error says
    when that begins and when it is over.
    """

    def __init__(
        self,
        stream: IO[str] | IO[bytes] | None,
        file: Path | None = None,
        *,
        max_bytes: int = 10485760,
        backups: int = 5,
        queue_lines: int = QUEUE_LINES,
    ) -> None:
        """Opens the file at once: an unusable one is a ConfigError before the first turn."""
        self.dropped = 0
        self.failed = 0
        self._file = RotatingFile(file, max_bytes, backups) if file else None
        self._outlets = [Outlet("standard output", stream_sink(stream))] if stream else []
        if self._file:
            self._outlets.append(Outlet(str(self._file.path), self._file.write))
        self._lines: queue.Queue[bytes] = queue.Queue(queue_lines)
        self._closing = threading.Event()
        # A daemon, so that a stream that takes nothing cannot keep the process alive.
        self._writer = threading.Thread(target=self._run, name="turn log", daemon=True)
        self._writer.start()

    def write(self, record: Mapping[str, object]) -> None:
        """Queues one record; never waits and never raises for what a record holds."""
        if self._closing.is_set():
            self.dropped += 1
            return
        try:
            self._lines.put_nowait(line_of(record))
        except queue.Full:
            self.dropped += 1

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """Writes what is queued, for `timeout_s` at most, and ends the thread. Twice is fine."""
        self._closing.set()
        with contextlib.suppress(queue.Full):  # a full queue: the thread looks at _closing itself
            self._lines.put_nowait(END)
        self._writer.join(timeout_s)
        if self._file and not self._writer.is_alive():
            self._file.close()

    def _run(self) -> None:
        while (line := self._lines.get()) is not END:
            for outlet in self._outlets:
                self._try(outlet, line)
            if self._closing.is_set() and self._lines.empty():
                return

    def _try(self, outlet: Outlet, line: bytes) -> None:
        try:
            outlet.write(line)
        except (OSError, ValueError) as error:  # ValueError: the stream was closed
            self.failed += 1
            outlet.lost += 1
            if outlet.lost == 1:
                why = getattr(error, "strerror", None) or error
                say(f"the turn log cannot be written: {outlet.name}: {why}; requests go on")
        else:
            if outlet.lost:
                say(f"the turn log is written again: {outlet.name}; lines failed: {outlet.lost}")
            outlet.lost = 0


def say(text: str) -> None:
    """A line on standard error, where there is one that takes it."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"warmprefix: {text}\n")
        sys.stderr.flush()


def line_of(record: Mapping[str, object]) -> bytes:
    """The record as one JSON line with exactly the FIELDS; what it lacks is null."""
    ordered = {name: record.get(name) for name in FIELDS}
    try:
        return orjson.dumps(ordered, default=str, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # lone surrogates and very long integers, which the standard library writes
        return json.dumps(ordered, default=str).encode("ascii") + b"\n"


def stream_sink(stream: IO[str] | IO[bytes]) -> Sink:
    """Writes to a stream: to its file descriptor where it has one, without its buffer and lock.

    A thread that hangs while it holds the buffer's lock makes the interpreter abort at exit
    (source: CPython, Modules/_io/bufferedio.c, `_enter_buffered_busy`).
    """
    try:
        descriptor = stream.fileno()
    except (OSError, AttributeError):
        return object_sink(stream)
    stream.flush()
    return Descriptor(descriptor).write


def object_sink(stream: IO[str] | IO[bytes]) -> Sink:
    """Writes to a stream without a file descriptor, as text where it takes text."""
    is_text = hasattr(stream, "encoding")

    def write(line: bytes) -> None:
        stream.write(line.decode() if is_text else line)  # type: ignore[arg-type]  # told apart above
        stream.flush()

    return write


class Descriptor:
    """Writes lines to a file descriptor. A full disk may take the half of one: its rest goes before the
    next."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._rest = b""

    def write(self, line: bytes) -> None:
        """Writes the whole line. Raises OSError."""
        data, sent = self._rest + line, 0
        try:
            while sent < len(data):
                sent += write_some(self._number, data[sent:])
        finally:
            self._rest = data[sent:] if sent > len(self._rest) else self._rest[sent:]


def write_all(descriptor: int, line: bytes) -> None:
    """Writes the whole line; raises OSError, and a part of it may be written then."""
    rest = memoryview(line)
    while rest:
        rest = rest[write_some(descriptor, rest) :]


def write_some(descriptor: int, data: bytes | memoryview) -> int:
    """How many bytes were written; waits where a non-blocking descriptor takes none."""
    while True:
        try:
            return os.write(descriptor, data)
        except BlockingIOError:
            select.select((), (descriptor,), ())


class RotatingFile:
    """A file of mode 0600 that is renamed to `.1`, `.2` ... before it would outgrow `max_bytes`."""

    def __init__(self, path: Path, max_bytes: int, backups: int) -> None:
        """Opens the file for appending; raises ConfigError where that fails."""
        self.path = path
        self._max_bytes = max_bytes
        self._backups = backups
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = self._open()
        except OSError as error:
            raise ConfigError(f"log.file: {path}: cannot be written: {error.strerror}") from None

    def write(self, line: bytes) -> None:
        """Appends one line, in a new file where it does not fit; raises OSError."""
        if self._descriptor < 0:
            self._descriptor = self._open()
        size = os.fstat(self._descriptor).st_size
        if size and size + len(line) > self._max_bytes:
            self._rotate()
            size = 0
        try:
            write_all(self._descriptor, line)
        except OSError:
            os.ftruncate(self._descriptor, size)  # a full disk may have taken the half of it
            raise

    def close(self) -> None:
        """Closes the file; a later write opens it again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> int:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with contextlib.suppress(OSError):
            if not ends_a_line(self.path):  # whoever wrote it was killed, or the disk was full
                os.write(descriptor, b"\n")
        return descriptor

    def _rotate(self) -> None:
        self.close()
        for number in range(self._backups, 1, -1):
            older = self._backup(number - 1)
            if older.exists():
                older.replace(self._backup(number))
        if self._backups:
            self.path.replace(self._backup(1))
        else:
            self.path.unlink(missing_ok=True)
        self._descriptor = self._open()

    def _backup(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")


def ends_a_line(path: Path) -> bool:
    """Whether the file has no half line at its end. Raises OSError."""
    if not path.is_file() or not path.stat().st_size:
        return True
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"
