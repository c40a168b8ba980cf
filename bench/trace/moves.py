"""Records the calls that a thread makes in one package, and sums them up."""

import asyncio
import dis
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import NamedTuple

_RESUME = dis.opmap["RESUME"]
_RESUMED = 3  # bits of its argument: 0 if a function begins, otherwise it goes on after a wait


class Call(NamedTuple):
    """The start of a function. Files are relative to the package; `caller` is None if no function of the
    package was running, but the event loop called."""

    caller: str | None
    file: str
    function: str

    @property
    def is_move(self) -> bool:
        """Whether one file of the package called another, at once or through a library."""
        return self.caller is not None and self.caller != self.file


@dataclass
class Trace:
    """Calls in order, from the first call of `begins` to the last return of `ends`. Background work of the
    package is left out."""

    root: Path
    begins: str
    ends: str
    calls: list[Call] = field(default_factory=list)
    _end: int = 0

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record this thread."""
        sys.setprofile(self._saw)
        try:
            yield
        finally:
            sys.setprofile(None)
            del self.calls[self._end :]

    def _saw(self, frame: FrameType, event: str, _: object) -> None:
        if event == "return" and frame.f_code.co_qualname == self.ends:
            self._end = len(self.calls)
        if event != "call" or (file := self._file(frame)) is None or _is_resumed(frame):
            return
        if _is_beside():
            return
        if self.calls or frame.f_code.co_qualname == self.begins:
            self.calls.append(Call(self._caller(frame.f_back), file, frame.f_code.co_qualname))

    def _caller(self, frame: FrameType | None) -> str | None:
        while frame is not None:
            if (file := self._file(frame)) is not None:
                return file
            frame = frame.f_back
        return None

    def _file(self, frame: FrameType) -> str | None:
        name = frame.f_code.co_filename
        root = f"{self.root}/"
        return name.removeprefix(root) if name.startswith(root) else None


def _is_resumed(frame: FrameType) -> bool:
    """Whether a coroutine or a generator goes on or is closed, which does not count as a call."""
    instruction, argument = frame.f_code.co_code[frame.f_lasti : frame.f_lasti + 2]
    return instruction != _RESUME or bool(argument & _RESUMED)


def _is_beside() -> bool:
    """Whether a background task of the package runs, which has a name (tasks.py) and is not part of the
    request."""
    task = asyncio.current_task()
    return task is not None and not task.get_name().startswith("Task-")


class Sums(NamedTuple):
    """The sums of a trace."""

    calls: int
    files: int
    moves: int


def sums(calls: Iterable[Call]) -> Sums:
    """The three figures."""
    found = list(calls)
    return Sums(len(found), len({call.file for call in found}), sum(c.is_move for c in found))


def movers(calls: Iterable[Call]) -> list[tuple[str, str, int]]:
    """Caller, called function and count of all moves; most frequent first."""
    counts = Counter(
        (str(call.caller), f"{call.file} {call.function}") for call in calls if call.is_move
    )
    return [(caller, called, count) for (caller, called), count in counts.most_common()]


def by_file(calls: Iterable[Call]) -> list[tuple[str, int, int, int]]:
    """Each file with its calls, the moves into it and those out of it; the most moves first."""
    found = list(calls)
    own = Counter(call.file for call in found)
    into = Counter(call.file for call in found if call.is_move)
    out = Counter(call.caller for call in found if call.is_move)
    rows = [(file, own[file], into[file], out[file]) for file in own]
    return sorted(rows, key=lambda row: -(row[2] + row[3]))
