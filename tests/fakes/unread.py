"""A pipe whose reader stopped reading, as `less` and a terminal after Ctrl-S do; it may go on later."""

import os
from contextlib import suppress
from pathlib import Path


class UnreadPipe:
    """A named pipe at `path`. `writer` is the descriptor to write to; what was written is read on demand."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self._reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.writer = os.open(path, os.O_WRONLY)
        self._read = b""

    def fill(self) -> None:
        """Fill it completely: from now on not one byte fits. It uses a writer of its own, since a descriptor
        that two processes share blocks for both or for neither.
        """
        filler = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        for size in (4096, 1):
            with suppress(BlockingIOError):
                while True:
                    os.write(filler, b"\0" * size)
        os.close(filler)

    def text(self) -> str:
        """Everything written so far."""
        with suppress(BlockingIOError):
            while piece := os.read(self._reader, 1 << 16):
                self._read += piece
        return self._read.replace(b"\0", b"").decode()

    def close(self) -> None:
        """Close both ends."""
        os.close(self._reader)
        os.close(self.writer)
