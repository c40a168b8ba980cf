"""What a client is sent while its prompt is read, so that it does not take a long silence for a dead server.

Off unless the user names a time. Only what says nothing is sent, and only between two events of a stream in
which nothing generated has come yet.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from warmprefix.config import ServerConfig
from warmprefix.dialects import answering
from warmprefix.pipeline.stages import Passed

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Pulse:
    """For one reply: after how many seconds of silence what is said. `is_early`: also before its head."""

    seconds: float
    says: bytes
    is_early: bool
    sleep: Sleep

    async def beside(self, work: Awaitable[T], beat: Callable[[], Awaitable[None]]) -> T:
        """What comes of `work`. `beat` is called after each silence until then. If this is cancelled, so is
        `work`, and has ended."""
        task = asyncio.ensure_future(work)
        try:
            while not await self._ends_in_time(task):
                await beat()
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait((task,))

    async def _ends_in_time(self, task: "asyncio.Future[T]") -> bool:
        silence = asyncio.ensure_future(self.sleep(self.seconds))
        try:
            await asyncio.wait((task, silence), return_when=asyncio.FIRST_COMPLETED)
        finally:
            silence.cancel()
        return task.done()


class KeepAlive:
    """The settings. `sleep` waits for so many seconds."""

    def __init__(self, config: ServerConfig, sleep: Sleep = asyncio.sleep) -> None:
        self._config = config
        self.is_wanted = config.keep_alive_s > 0
        self.sleep = sleep

    def pulse(self, came: Passed) -> Pulse | None:
        """That of the reply to a request; None if there is none: it is not streamed, or not wanted."""
        config, request = self._config, came.request
        if not self.is_wanted or request is None or not request.stream:
            return None
        clients = config.keep_alive_clients
        if clients and came.client.client not in clients:
            return None
        says = answering(came.endpoint).still_reading
        return Pulse(config.keep_alive_s, says, config.early_headers, self.sleep)
