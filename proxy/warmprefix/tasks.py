"""Tasks that belong to the application, not to a request: they go on when the client leaves.

An `await` in a generator's `finally` is cancelled when the client leaves; a task of the application is not.
`asyncio.create_task` alone would keep no reference to the task, and lose its errors.
"""

import asyncio
import logging
from collections.abc import Coroutine

logger = logging.getLogger(__name__)


class Tasks:
    """Starts tasks, keeps a reference until they end, reports those that fail."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()
        self.failed = 0

    def start(self, work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        """Run `work` as a task of its own."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failed += 1
            logger.error("task %s failed:", task.get_name(), exc_info=error)

    def __len__(self) -> int:
        return len(self._running)

    async def finish(self, limit_s: float) -> None:
        """Wait for the running tasks for at most `limit_s`, then cancel the rest."""
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=limit_s)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
