"""Asks a far store questions, in a thread of their own and with a time limit."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from warmprefix.core.errors import StoreError
from warmprefix.core.memory.ledger import Found, Past
from warmprefix.stores.far import FarReader
from warmprefix.stores.outage import Outage

# 1,000 keys take 4 ms from a warm SQLite file; nobody who waits for a first token notices 250 ms.
LIMIT_S = 0.25
SLOW_S = 0.02
"""More of them at the 99th percentile, and the wait of each request is more than the rest of our work."""
_LATEST = 200  # answers that count for `p99_s`

Result = TypeVar("Result")


class TimedReader:
    """Asks one question at a time. Reports to the operator when there is no answer, and when there is again."""

    def __init__(self, far: FarReader) -> None:
        self._far = far
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="ledger-reader")
        self._late: asyncio.Future[Any] | None = None
        self._outage = Outage("the ledger is read again")
        self._slowness = Outage("the ledger answers quickly again")
        self._answers = 0
        self._times_s: deque[float] = deque(maxlen=_LATEST)

    @property
    def p99_s(self) -> float:
        """The time within which 99 of 100 of the latest questions were answered or given up; 0 if none was
        asked."""
        times_s = sorted(self._times_s)
        return times_s[len(times_s) * 99 // 100] if times_s else 0.0

    async def find(self, keys: Sequence[bytes]) -> Found:
        """What is remembered of these chain keys. Raises StoreError after LIMIT_S, or at once if an earlier
        question is still unanswered."""
        return await self.reported(partial(self._far.find, keys))

    async def past(self, conversation: str | None, landmarks: Sequence[bytes]) -> Past | None:
        """The trail to a conversation's last turn. Raises StoreError as `find` does."""
        return await self.reported(partial(self._far.past, conversation, landmarks))

    async def reported(self, question: Callable[[], Result]) -> Result:
        """The answer. Raises StoreError as `find` does, and reports to the operator."""
        try:
            found = await self.ask(question)
        except StoreError as error:
            self._outage.begins(f"{error}; requests go on as they come")
            raise
        self._outage.ends()
        return found

    async def ask(self, question: Callable[[], Result]) -> Result:
        """The answer, under the same limit."""
        if self._late is not None and not self._late.done():
            raise StoreError("the ledger has not answered an earlier question yet")
        loop = asyncio.get_running_loop()
        answer = loop.run_in_executor(self._executor, _answer, question)
        began_s = time.monotonic()
        done, _ = await asyncio.wait({answer}, timeout=LIMIT_S)
        self._note(time.monotonic() - began_s)
        if not done:
            self._late = answer
            self._far.interrupt()
            raise StoreError(f"the ledger did not answer within {LIMIT_S} s")
        result = answer.result()
        if isinstance(result, StoreError):
            raise result
        return result

    def _note(self, took_s: float) -> None:
        self._times_s.append(took_s)
        self._answers += 1
        if self._answers % _LATEST:
            return
        if self.p99_s > SLOW_S:
            self._slowness.begins(
                f"the ledger is slow: 1 of 100 questions takes {self.p99_s * 1000:.0f} ms or more, and every "
                "request waits for one"
            )
        else:
            self._slowness.ends()

    async def close(self) -> None:
        """Release the connection and end the thread, unless a late question still occupies it."""
        loop = asyncio.get_running_loop()
        closing = loop.run_in_executor(self._executor, _answer, self._far.disconnect)
        done, _ = await asyncio.wait({closing}, timeout=LIMIT_S)
        self._executor.shutdown(wait=bool(done))


def _answer(question: Callable[[], Result]) -> Result | StoreError:
    """The answer, or the error. Never raises: the caller may be gone."""
    try:
        return question()
    except StoreError as error:
        return error
    except Exception as error:  # a fault of the store: the request goes on without memory
        return StoreError(f"the ledger cannot be read: {error}")
