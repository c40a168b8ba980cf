"""The store in one SQLite file: a far store, opened in the background by the thread that writes it."""

import time
from collections.abc import Callable
from pathlib import Path

from warmprefix.stores.behind import FRONT_BYTES, Behind
from warmprefix.stores.sqlite.reader import FileReader
from warmprefix.stores.sqlite.write import Limits
from warmprefix.stores.sqlite.writer import FileWriter


class SqliteStore(Behind):
    """A full disk, or a locked or damaged file, costs only what could not be stored."""

    def __init__(
        self,
        path: Path,
        max_bytes: int,
        max_age_s: float,
        clock: Callable[[], float] = time.time,
        front_bytes: int = FRONT_BYTES,
    ) -> None:
        self.file_writer = FileWriter(path, Limits(max_bytes, max_age_s), clock)
        self.file_reader = FileReader(path, self.file_writer, self._report_damage)
        super().__init__(self.file_writer, self.file_reader, front_bytes)

    def _report_damage(self, generation: int) -> None:
        self.queue.change(lambda: self.file_writer.replace(generation))
