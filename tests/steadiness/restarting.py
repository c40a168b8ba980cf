"""A scripted backend that can be ended and begun again on the same port."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Self

from tests.fakes.running_proxy import Backend
from tests.fakes.scripted import Handler


class OnPort(Backend):
    """Listens on a port that is given; 0 takes any."""

    def __init__(self, otherwise: Handler, port: int) -> None:
        super().__init__(otherwise=otherwise, gap_s=0)
        self.port = port

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]
        return self


class Restarting:
    """One that is there, or not, or another one. `served`: requests that all of them have read."""

    def __init__(self, otherwise: Handler) -> None:
        self._otherwise = otherwise
        self._stack = AsyncExitStack()
        self._all: list[OnPort] = []

    @property
    def url(self) -> str:
        """The address, which stays the same."""
        return self._all[-1].url

    @property
    def served(self) -> int:
        """Requests that have been read so far."""
        return sum(len(backend.requests) for backend in self._all)

    async def begin(self) -> None:
        """Listen, where nobody does."""
        port = self._all[-1].port if self._all else 0
        self._all.append(await self._stack.enter_async_context(OnPort(self._otherwise, port)))

    async def end(self) -> None:
        """Cut every connection and listen no more, as a process that is killed."""
        await self._stack.aclose()


@asynccontextmanager
async def restarting(otherwise: Handler) -> AsyncIterator[Restarting]:
    """A backend that has begun."""
    backend = Restarting(otherwise)
    await backend.begin()
    try:
        yield backend
    finally:
        await backend.end()
