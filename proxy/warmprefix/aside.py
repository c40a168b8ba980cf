"""Long work on values, in a thread of its own: the event loop goes on beside it.

Only one thread: Python runs one at a time anyway, so two would end no earlier, need twice the memory, and keep
the loop waiting for longer. Work goes step by step, so several large requests take turns.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, Protocol, TypeVar

Given = ParamSpec("Given")
Value = TypeVar("Value")

LARGE_BYTES = 1024 * 1024
"""From here on a thread pays: 1 MiB of messages takes tens of milliseconds, going there and back 0.1."""

SWITCH_S = 0.0005
"""How long a thread may keep the interpreter if another wants it. The loop waits for it up to four times for
one answer: 20 ms with Python's own interval of 5 ms (`sys.setswitchinterval`)."""


class Run(Protocol):
    """Does one step of a request's work."""

    async def __call__(
        self, work: Callable[Given, Value], /, *args: Given.args, **options: Given.kwargs
    ) -> Value:
        """What `work` returns or raises."""


async def here(
    work: Callable[Given, Value], /, *args: Given.args, **options: Given.kwargs
) -> Value:
    """Work that is done at once."""
    return work(*args, **options)


class Aside:
    """The thread. It is started with the first large request."""

    def __init__(self, large_bytes: int = LARGE_BYTES) -> None:
        self._large_bytes = large_bytes
        self._threads = ThreadPoolExecutor(1, "aside")

    def of(self, size: int) -> Run:
        """Where the work for a body of so many bytes is done."""
        return self._there if size > self._large_bytes else here

    async def _there(
        self, work: Callable[Given, Value], /, *args: Given.args, **options: Given.kwargs
    ) -> Value:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(work, *args, **options))

    def close(self) -> None:
        """Begin nothing more; what runs ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class NoAside:
    """No thread: all work is done at once, also without an event loop."""

    def of(self, size: int) -> Run:
        """Here, whatever the size."""
        del size
        return here
