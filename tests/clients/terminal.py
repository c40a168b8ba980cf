"""A terminal for a client that wants one: keys go in, what is shown comes out."""

import os
import re
import select
import signal
import struct
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ
from types import TracebackType
from typing import Self

ROWS, COLUMNS = 50, 160
STEP_S = 0.1
_ESCAPES = re.compile(
    rb"\x1b(?:\[[0-9;?<>=]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][0-9A-B]|[=>78cM])"
)
_ANSWERS = ((b"\x1b[6n", b"\x1b[1;1R"), (b"\x1b[c", b"\x1b[?62;c"))
"""What programs ask a terminal at their start, and wait for: where the cursor is, what it can do."""


class Terminal:
    """A program in a terminal of its own. It is ended at the latest with the `with` block."""

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> None:
        self.shown = b""
        self._master, slave = os.openpty()
        ioctl(slave, TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env={**environment, "TERM": "xterm-256color"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait()
        os.close(self._master)

    def type(self, text: str, *, key: str = "\r") -> None:
        """Type `text`, and then a key: first all of the text is shown."""
        os.write(self._master, text.encode())
        self.rest(1.0)
        os.write(self._master, key.encode())

    def rest(self, seconds: float) -> None:
        """Read what is shown for so long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._read(min(left, STEP_S))

    def wait_for(self, text: str, limit_s: float = 120.0) -> None:
        """Return once `text` is on the screen, blanks aside. Raises TimeoutError."""
        until = time.monotonic() + limit_s
        while text.replace(" ", "") not in self.text.replace(" ", ""):
            if time.monotonic() > until:
                raise TimeoutError(f"{text!r} is not in what was shown:\n{self.text[-3000:]}")
            self._read(STEP_S)

    @property
    def text(self) -> str:
        """All that was shown since the last `forget`, without its colours and positions."""
        return _ESCAPES.sub(b"", self.shown).decode(errors="replace")

    def forget(self) -> None:
        """Begin anew with what is shown."""
        self.shown = b""

    def _read(self, seconds: float) -> None:
        ready, _, _ = select.select([self._master], [], [], seconds)
        if not ready:
            return
        try:
            data = os.read(self._master, 65536)
        except OSError as error:  # how Linux says that the program has gone
            raise EOFError(self.text[-3000:]) from error
        self.shown += data
        for question, answer in _ANSWERS:
            for _ in range(data.count(question)):
                os.write(self._master, answer)
