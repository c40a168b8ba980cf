"""A file of JSON lines that outlives the process that writes it: each line goes to the kernel at once."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Line = dict[str, Any]


class Journal:
    """Appends lines; several processes may append to one file."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, **line: object) -> None:
        """One line."""
        os.write(self._descriptor, json.dumps(line).encode() + b"\n")


def lines(path: Path) -> Iterator[Line]:
    """All lines of a journal."""
    with path.open() as file:
        for line in file:
            yield json.loads(line)


def digest(data: bytes) -> str:
    """A short name for these bytes."""
    return hashlib.sha256(data).hexdigest()[:24]
