"""Lines of a growing file or of standard input, like `tail -F`."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

POLL_S = 0.2
"""How often the file is looked at: a person sees no delay, and a look costs microseconds."""


def stream_lines(stream: Iterable[bytes], last: int, *, follow: bool) -> Iterator[bytes]:
    """Every line as it comes; if nothing is followed, the last ones at the end."""
    return iter(stream) if follow else iter(deque(stream, maxlen=last))


def last_lines(path: Path, last: int) -> list[bytes]:
    """The last lines of a file, an unfinished one included; raises OSError."""
    with path.open("rb") as file:
        return list(deque(file, maxlen=last))


def followed_lines(
    path: Path, last: int, wait: Callable[[], None] = lambda: time.sleep(POLL_S)
) -> Iterator[bytes]:
    """The last lines, then each new one. Survives if the file is rotated, truncated or missing.

    `wait` is called whenever there is nothing more to read. A line is yielded once it is finished.
    """
    file = open_when_there(path, wait)
    try:
        yield from recent_lines(file, last)
        rest = b""
        while True:
            line = file.readline()
            if line:
                rest += line
                if rest.endswith(b"\n"):
                    yield rest
                    rest = b""
            elif is_replaced(file, path):
                yield from finished_lines(rest + file.read())  # written just before the rotation
                file.close()
                file = open_when_there(path, wait)
                rest = b""
            else:
                wait()
    finally:
        file.close()


def recent_lines(file: BinaryIO, last: int) -> list[bytes]:
    """The last finished lines; leaves the file at the beginning of an unfinished one."""
    recent: deque[bytes] = deque(maxlen=last)
    for line in file:
        if not line.endswith(b"\n"):
            file.seek(-len(line), os.SEEK_CUR)
            break
        recent.append(line)
    return list(recent)


def finished_lines(data: bytes) -> list[bytes]:
    """The lines that are complete."""
    return [line + b"\n" for line in data.split(b"\n")[:-1]]


def open_when_there(path: Path, wait: Callable[[], None]) -> BinaryIO:
    """The open file, as soon as there is one."""
    while True:
        try:
            return path.open("rb")
        except FileNotFoundError:
            wait()


def is_replaced(file: BinaryIO, path: Path) -> bool:
    """Whether the path leads to another file now, or the file was cut below what was read."""
    here = os.fstat(file.fileno())
    if here.st_size < file.tell():
        return True
    try:
        return not os.path.samestat(here, path.stat())
    except FileNotFoundError:
        return False
