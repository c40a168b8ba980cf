"""A backend on a real socket that does exactly what a script says, down to each arrival.

A script is a list of steps for one request. `ScriptedBackend` plays one script per request and
records what it received. Response bytes are built in scripted_replies.py.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Self, assert_never

from tests.fakes.scripted_http import Connection, Malformed, Request, read_request

GAP_S = 0.002
"""Pause after each `Send`, so that a reader on another thread's loop sees separate arrivals."""


@dataclass(frozen=True)
class Send:
    """Put these bytes on the wire as one arrival."""

    data: bytes


@dataclass(frozen=True)
class Wait:
    """Go on when the event is set or the seconds are over; ends early if the client leaves."""

    until: asyncio.Event | float


@dataclass(frozen=True)
class Stall:
    """Send nothing more until the client leaves."""


@dataclass(frozen=True)
class Cut:
    """Close the connection here: FIN, or RST with `reset`."""

    reset: bool = False


@dataclass(frozen=True)
class KeepOpen:
    """Read the next request on this connection, whatever the headers said about keep-alive."""


@dataclass(frozen=True)
class Talk:
    """Hand the connection over, for example to a WebSocket; it is closed afterwards."""

    speak: Callable[[Connection, Request], Awaitable[None]]


Step = Send | Wait | Stall | Cut | KeepOpen | Talk
Script = Iterable[Step]
Handler = Script | Callable[[Request], Script]

UNSCRIPTED = b"HTTP/1.1 599 No Script Left\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
"""Sent if the test has no script for a request."""


class ScriptedBackend:
    """Plays `handlers`, one per request in order of arrival, then `otherwise` for all others.

    `keep_alive=False` closes after every answer; `idle_timeout_s` closes a connection that waits that long for
    its next request; `max_requests` closes after so many. No header announces this unless the script adds it:
    so pooled connections go stale.
    """

    def __init__(
        self,
        *handlers: Handler,
        otherwise: Handler | None = None,
        keep_alive: bool = True,
        idle_timeout_s: float | None = None,
        max_requests: int | None = None,
        gap_s: float = GAP_S,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.handlers = deque(handlers)
        self.otherwise = otherwise
        self.keep_alive = keep_alive
        self.idle_timeout_s = idle_timeout_s
        self.max_requests = max_requests
        self.gap_s = gap_s
        self.tls = tls
        self.requests: list[Request] = []
        self.unscripted: list[Request] = []
        self.malformed: list[str] = []
        self.connections = 0
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._news = asyncio.Condition()

    @property
    def url(self) -> str:
        """Base address, without a slash at the end."""
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    @property
    def open_connections(self) -> int:
        """Connections that are open now."""
        return len(self._tasks)

    def then(self, handler: Handler) -> None:
        """Add a script for the request after those already scripted."""
        self.handlers.append(handler)

    async def received(self, count: int) -> Request:
        """The request number `count` (from 1); waits for it if necessary."""
        async with self._news:
            await self._news.wait_for(lambda: len(self.requests) >= count)
        return self.requests[count - 1]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        connection = Connection(reader, writer, self.connections)
        try:
            while await self._exchange(connection):
                pass
        except ConnectionError:
            connection.mark_gone()
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            connection.close()
            with suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()
            self._tasks.discard(task)

    async def _exchange(self, connection: Connection) -> bool:
        """One request and its answer; false if the connection is to be closed."""
        request = await self._next_request(connection)
        if request is None:
            return False
        connection.requests.append(request)
        async with self._news:
            self.requests.append(request)
            self._news.notify_all()
        outcome = await self._play(connection, request)
        if outcome is not None:
            return outcome
        last = self.max_requests is not None and request.ordinal >= self.max_requests
        return self.keep_alive and not last and not request.wants_close

    async def _next_request(self, connection: Connection) -> Request | None:
        try:
            async with asyncio.timeout(self.idle_timeout_s):
                if not connection.buffer and not await connection.fill():
                    connection.mark_gone()
                    return None
            return await read_request(connection)
        except TimeoutError:
            return None
        except (Malformed, ValueError) as error:
            self.malformed.append(str(error))
            await connection.send(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
            return None

    async def _play(self, connection: Connection, request: Request) -> bool | None:
        """Run the script. If not None, a step decided whether the connection stays open."""
        watcher = asyncio.create_task(connection.watch())
        try:
            for step in self._script_for(request):
                if isinstance(step, Talk):
                    await stop(watcher)
                    await step.speak(connection, request)
                    return False
                outcome = await self._step(step, connection, request)
                if request.client_gone.is_set():
                    return False
                if outcome is not None:
                    return outcome
            return None
        finally:
            await stop(watcher)

    def _script_for(self, request: Request) -> Script:
        handler = self.handlers.popleft() if self.handlers else self.otherwise
        if handler is None:
            self.unscripted.append(request)
            return [Send(UNSCRIPTED), Cut()]
        return handler(request) if callable(handler) else handler

    async def _step(self, step: Step, connection: Connection, request: Request) -> bool | None:
        match step:
            case Send(data):
                await connection.send(data)
                await asyncio.sleep(self.gap_s)
            case Wait(until):
                await pause(until, request.client_gone)
            case Stall():
                await request.client_gone.wait()
            case Cut(reset):
                connection.close(reset=reset)
                return False
            case KeepOpen():
                return True
            case Talk():
                raise AssertionError("played by _play")
            case _:
                assert_never(step)
        return None


async def pause(until: asyncio.Event | float, gone: asyncio.Event) -> None:
    """Wait for the event or the seconds, but only while the client is connected."""
    seconds = until if isinstance(until, int | float) else None
    events = [gone] if isinstance(until, int | float) else [gone, until]
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            await stop(wait)


async def stop(task: "asyncio.Task[bool] | asyncio.Task[None]") -> None:
    """Cancel the task and wait for its end."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
