"""What one backend is given to do while no request runs: reading ahead, reading again, saving openings."""

import asyncio
from collections.abc import Coroutine

from warmprefix.counters import Counters
from warmprefix.guard import failed
from warmprefix.tasks import Tasks


class Pause:
    """The time until the next request. A request that comes ends it, and all that was started in it gives way
    at once; who started it begins again in a later pause."""

    def __init__(self, tasks: Tasks, counters: Counters) -> None:
        self._tasks = tasks
        self._counters = counters
        self._works: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        """Run `work` until it is done, or a request comes."""
        task = self._tasks.start(work, name)
        self._works.add(task)
        task.add_done_callback(self._works.discard)
        return task

    def end(self, noted: list[str] | None = None) -> None:
        """A request has come. `noted`: the reasons of its turn. Raises nothing."""
        try:
            self._stop()
        except Exception as error:
            failed(self._counters, "prewarm", error, noted)

    def _stop(self) -> None:
        for task in self._works:
            task.cancel()
        self._works.clear()  # so none is cancelled again while it puts things in order
