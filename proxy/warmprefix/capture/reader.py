"""Finds the turns of the running capture in its file, for the dashboard.

The file grows by whole lines while it is read. Each reading goes on from the end of the one before, so a turn
costs one look at what is new, and one line.
"""

import re
from collections import OrderedDict
from pathlib import Path

from warmprefix.capture.line import BadLine, Captured, turn_of

KEPT = 1000
"""Turns whose place is remembered: as many as the dashboard shows."""

_TURN = re.compile(rb'\{"time": "[^"]{0,40}", "turn": "([^"\\]{1,64})"')  # as line.py writes it


class CaptureReader:
    """Reads one capture file. It blocks, so it belongs into a thread, one call at a time."""

    def __init__(self, path: Path, kept: int = KEPT) -> None:
        self._path = path
        self._kept = kept
        self._read_to = 0
        self._places: OrderedDict[str, int] = OrderedDict()

    def find(self, turn: str) -> Captured | None:
        """A captured turn; None if it is not in the file (yet), or too long ago."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read_to)
                for line in file:
                    self._saw(line)
                at = self._places.get(turn)
                if at is None:
                    return None
                file.seek(at)
                return turn_of(file.readline())
        except (OSError, BadLine):
            return None

    def _saw(self, line: bytes) -> None:
        if not line.endswith(b"\n"):
            return  # half of it is not written yet
        found = _TURN.match(line)
        if found is not None:
            self._places[found[1].decode()] = self._read_to
            if len(self._places) > self._kept:
                self._places.popitem(last=False)
        self._read_to += len(line)
