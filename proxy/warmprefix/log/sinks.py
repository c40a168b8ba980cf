"""The sinks of lines: a file descriptor, a stream without one, a rotated file.

All of them block until the bytes are taken; only the thread of a LineWriter may call them.
"""

import contextlib
import os
import select
from pathlib import Path
from typing import IO, Protocol

from warmprefix.core.errors import ConfigError


class Sink(Protocol):
    """Takes whole lines."""

    def write(self, line: bytes) -> None:
        """Writes the whole line. Raises OSError, or ValueError if it was closed."""

    def close(self) -> None:
        """No more lines come."""


def stream_sink(stream: IO[str] | IO[bytes]) -> Sink:
    """Writes to a stream: to its file descriptor if it has one, without its buffer and lock.

    A thread that hangs while it holds the buffer's lock makes the interpreter abort at exit
    (source: CPython, Modules/_io/bufferedio.c, `_enter_buffered_busy`).
    """
    try:
        descriptor = stream.fileno()
        stream.flush()
    except (OSError, ValueError, AttributeError):
        return Stream(stream)
    return Descriptor(descriptor)


class Stream:
    """Writes to a stream that has no file descriptor, as text if it takes text. It stays open."""

    def __init__(self, stream: IO[str] | IO[bytes]) -> None:
        self._stream = stream
        self._is_text = hasattr(stream, "encoding")

    def write(self, line: bytes) -> None:
        """Writes the whole line. Raises OSError or ValueError."""
        self._stream.write(line.decode() if self._is_text else line)  # type: ignore[arg-type]  # checked above
        self._stream.flush()

    def close(self) -> None:
        """The stream is not ours."""


class Descriptor:
    """Writes lines to a file descriptor, which stays open. If a full disk takes half of one, the rest is
    written before the next."""

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

    def close(self) -> None:
        """The descriptor is not ours."""


def write_all(descriptor: int, line: bytes) -> None:
    """Writes the whole line; raises OSError, and part of it may have been written by then."""
    rest = memoryview(line)
    while rest:
        rest = rest[write_some(descriptor, rest) :]


def write_some(descriptor: int, data: bytes | memoryview) -> int:
    """How many bytes were written; waits while a non-blocking descriptor takes none."""
    while True:
        try:
            return os.write(descriptor, data)
        except BlockingIOError:
            select.select((), (descriptor,), ())


class RotatingFile:
    """A file of mode 0600 that is renamed to `.1`, `.2` ... before it would outgrow `max_bytes`.

    If its path names another file or none, as after logrotate, lines go to a new file there.
    """

    def __init__(self, path: Path, max_bytes: int, backups: int) -> None:
        """Opens the file for appending; raises ConfigError if that fails."""
        self.path = path
        self.limits = max_bytes, backups
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = self._open()
        except OSError as error:
            raise ConfigError(f"log.file: {path}: cannot be written: {error.strerror}") from None

    def write(self, line: bytes) -> None:
        """Appends one line, in a new file if it does not fit; raises OSError."""
        if self._descriptor >= 0 and not is_at(self._descriptor, self.path):
            self.close()
        if self._descriptor < 0:
            self._descriptor = self._open()
        size = os.fstat(self._descriptor).st_size
        if size and size + len(line) > self.limits[0]:
            self._rotate()
            size = 0
        try:
            write_all(self._descriptor, line)
        except OSError:
            with contextlib.suppress(OSError):  # it may be a pipe
                os.ftruncate(self._descriptor, size)  # a full disk may have taken half of it
            raise

    def reopened(self) -> bytes:
        """Closes the file, for a program that is about to move it or has; what it returns is then written, so
        that it is there again."""
        self.close()
        return b""

    def close(self) -> None:
        """Closes the file; a later write opens it again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> int:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with contextlib.suppress(OSError):
            if not ends_a_line(self.path):  # the writer was killed, or the disk was full
                os.write(descriptor, b"\n")
        return descriptor

    def _rotate(self) -> None:
        self.close()
        _, backups = self.limits
        for number in range(backups, 1, -1):
            older = self._backup(number - 1)
            if older.exists():
                older.replace(self._backup(number))
        if backups:
            self.path.replace(self._backup(1))
        else:
            self.path.unlink(missing_ok=True)
        self._descriptor = self._open()

    def _backup(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")


def is_at(descriptor: int, path: Path) -> bool:
    """Whether the open file is the one that the path names. True also if the path cannot be examined."""
    try:
        named = path.stat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return os.path.samestat(named, os.fstat(descriptor))


def ends_a_line(path: Path) -> bool:
    """Whether the file ends with a whole line. Raises OSError."""
    if not path.is_file() or not path.stat().st_size:
        return True
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"
