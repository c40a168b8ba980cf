"""Questions to the ledger file, in a thread of their own and with a time limit."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from warmprefix.core.errors import StoreError
from warmprefix.stores.sqlite.file import DISK_ERRORS
from warmprefix.stores.sqlite.open_file import is_damage, open_for_reading
from warmprefix.stores.sqlite.writer import Writer

# 1,000 keys take 4 ms from a warm file; whoever waits for a first token does not notice 250 ms.
LIMIT_S = 0.25
_NOT_READABLE = (ValueError, TypeError)

Result = TypeVar("Result")


class Reader:
    """Asks one question at a time. The connection is opened by the first."""

    def __init__(self, path: Path, writer: Writer) -> None:
        self.db: sqlite3.Connection | None = None
        self._path = path
        self._writer = writer
        self._generation = 0
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="ledger-reader")
        self._late: asyncio.Future[Any] | None = None

    async def ask(self, question: Callable[[sqlite3.Connection], Result]) -> Result:
        """The answer. Raises StoreError after LIMIT_S, and at once while an earlier question is late."""
        if self._late is not None and not self._late.done():
            raise StoreError("the ledger has not answered an earlier question yet")
        loop = asyncio.get_running_loop()
        answer = loop.run_in_executor(self._executor, self._answer, question)
        done, _ = await asyncio.wait({answer}, timeout=LIMIT_S)
        if not done:
            self._late = answer
            self._interrupt()
            raise StoreError(f"the ledger did not answer within {LIMIT_S} s")
        result = answer.result()
        if isinstance(result, StoreError):
            raise result
        return result

    async def close(self) -> None:
        """Close the connection and end the thread, unless a late question holds it."""
        loop = asyncio.get_running_loop()
        closing = loop.run_in_executor(self._executor, self._disconnect)
        done, _ = await asyncio.wait({closing}, timeout=LIMIT_S)
        self._executor.shutdown(wait=bool(done))

    def _answer(self, question: Callable[[sqlite3.Connection], Result]) -> Result | StoreError:
        """Never raises: nobody may be left to take the error."""
        try:
            return question(self._connected())
        except StoreError as error:
            return error
        except _NOT_READABLE as error:
            return StoreError(f"the ledger holds something unreadable: {error}")
        except DISK_ERRORS as error:
            self._disconnect()
            if is_damage(error):
                self._writer.report_damage(self._generation)
            return StoreError(f"the ledger cannot be read: {error}")

    def _connected(self) -> sqlite3.Connection:
        """A connection to the file that the writer has open now."""
        self._writer.tried_to_open.wait(LIMIT_S)
        generation = self._writer.ledger.generation
        if generation == 0:
            raise StoreError("the ledger could not be opened")
        if self.db is None or generation != self._generation:
            self._disconnect()
            self._generation = generation
            self.db = open_for_reading(self._path)
        return self.db

    def _interrupt(self) -> None:
        with suppress(sqlite3.Error):  # the thread may be closing the connection right now
            if self.db is not None:
                self.db.interrupt()

    def _disconnect(self) -> None:
        if self.db is not None:
            self.db.close()
            self.db = None
