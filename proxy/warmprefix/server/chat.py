"""Intercepted chat completions: the whole body in, understood, exchanged, logged."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

from warmprefix.backends.base import Headers
from warmprefix.core.errors import NotUnderstood
from warmprefix.core.types import Outcome
from warmprefix.dialects.base import Dialect
from warmprefix.guard import failed, guard
from warmprefix.pipeline.prepare import Pipeline
from warmprefix.pipeline.stages import Passed, Placed, as_it_came
from warmprefix.server.access import First
from warmprefix.server.asgi import Receive, Scope, Send
from warmprefix.server.backends import Backends
from warmprefix.server.count import Count
from warmprefix.server.exchange import Arrival, Exchange
from warmprefix.server.incoming import (
    ClientGone,
    Ending,
    Incoming,
    TooLarge,
    TooMuchText,
    while_connected,
)
from warmprefix.server.keep_alive import KeepAlive, Pulse
from warmprefix.server.problems import answer_problem
from warmprefix.server.reading_on import ReadingOn
from warmprefix.server.relay import request_headers
from warmprefix.server.running import RunningRequests
from warmprefix.server.way import Way
from warmprefix.tasks import Tasks
from warmprefix.telemetry.listener import Telemetry

_NOT_FORWARDED = frozenset({b"accept-encoding"})
"""A compressed reply could not be read; llama-server does not compress, Lemonade never a stream."""

_NOT_READ_ON: Headers = [(b"connection", b"close")]
"""What is left of a body that is too large is not read, so nothing can follow it."""


class Chat:
    """Answers the intercepted endpoints."""

    def __init__(
        self,
        pipeline: Pipeline,
        backends: Backends,
        tasks: Tasks,
        limits: tuple[int, int],
        telemetry: Telemetry | None,
        keep_alive: KeepAlive,
        reading_on: ReadingOn,
        running: RunningRequests,
    ) -> None:
        """`limits`: bytes of a body, and of the text in one that is read."""
        self._pipeline = pipeline
        self._backends = backends
        self._tasks = tasks
        self._max_body_bytes, self._max_text_bytes = limits
        self._telemetry = telemetry
        self._keep_alive = keep_alive
        self._reading_on = reading_on
        self._running = running

    async def __call__(
        self, scope: Scope, given: First, dialect: Dialect, receive: Receive, send: Send
    ) -> None:
        """One request, from its body to its line in the log. `given`: its headers; `dialect`: the one of its
        endpoint."""
        counts = scope["path"] in dialect.counting  # the tokens of a body, and evaluates nothing
        incoming = Incoming(receive)
        stream: AsyncIterator[bytes] | None = None
        try:
            body = await self._read(given, incoming, counts=counts)
        except ClientGone:
            return
        except TooLarge:
            limit = f"{self._max_body_bytes} bytes (server.max_body_bytes)"
            message = f"The body is over {limit}."
            waits = b"expect" in given  # then nothing was sent
            later = None if waits else incoming.throw_away
            await answer_problem(
                send, scope["path"], 413, "request_too_large", message, _NOT_READ_ON, later
            )
            return
        except TooMuchText:
            body, stream = b"", incoming.pieces()
        arrival = Arrival(time.time(), time.perf_counter())
        counters = self._pipeline.counters
        came = as_it_came(scope["path"], _by_name(scope), body)
        self._backends.arrived(came.failed_open)
        placed: Placed | Passed = came
        headers = request_headers(scope, _NOT_FORWARDED)
        if stream is None:
            with guard(counters, "prepare", came.failed_open):
                placed = await self._pipeline.identify(came, dialect)
        else:
            failed(counters, "too-long", self._too_long, came.failed_open)
            headers.append((b"Content-Length", given.get(b"content-length", b"")))
        if (telemetry := self._telemetry) is not None:
            with guard(counters, "telemetry", came.failed_open):
                headers = telemetry.outgoing(headers)
        way = Way(self._backends, self._pipeline, placed, headers, stream)
        try:
            await way.write()
            if counts:
                await self._run(Count(way), incoming, scope, send)
            else:
                await self._exchange(way, arrival, incoming, scope, send)
        finally:
            with guard(counters, "routing"):
                way.end()

    async def _read(self, given: First, incoming: Incoming, *, counts: bool) -> bytes:
        """The body. Raises TooLarge as soon as it is announced, and TooMuchText if it can be relayed as it
        comes: its length is known, it needs an answer and no count, and there is one backend. Of several only
        the body says which. How much of it is text is asked only if all of it may be too much."""
        announced = given.get(b"content-length", b"")
        size = int(announced) if announced.isdigit() else 0
        if size > self._max_body_bytes:
            raise TooLarge
        limit = None
        if size > self._max_text_bytes:
            is_needed = self._backends.are_several or counts
            limit = None if is_needed else self._max_text_bytes
        return await incoming.read(self._max_body_bytes, limit)

    @property
    def _too_long(self) -> NotUnderstood:
        limit = f"{self._max_text_bytes} bytes of text (canonicalize.max_bytes)"
        return NotUnderstood(f"a body has over {limit}, and is relayed as it comes")

    def _pulse(self, came: Passed) -> Pulse | None:
        if not self._keep_alive.is_wanted:
            return None
        with guard(self._pipeline.counters, "keep-alive", came.failed_open):
            return self._keep_alive.pulse(came)
        return None

    async def _exchange(
        self, way: Way, arrival: Arrival, incoming: Incoming, scope: Scope, send: Send
    ) -> None:
        key, reads = b"", self._reading_on
        if reads.is_wanted:
            with guard(self._pipeline.counters, "finish-read", way.came.failed_open):
                key = reads.came(way.outgoing)
        may_open = partial(reads.joined, key) if key else None
        exchange = Exchange(way, arrival, self._pulse(way.came), may_open)

        async def left(work: "asyncio.Task[None]") -> None:
            exchange.outcome = Outcome.CLIENT_GONE
            if exchange.is_sent:
                await reads.finish(key, work, exchange.has_spoken)

        with guard(self._pipeline.counters, "running", way.came.failed_open):
            self._running.begin(exchange)
        try:
            await self._run(exchange, incoming, scope, send, left)
        finally:
            self._running.end(exchange)

    async def _run(
        self,
        exchange: Exchange | Count,
        incoming: Incoming,
        scope: Scope,
        send: Send,
        left: Callable[["asyncio.Task[None]"], Awaitable[None]] | None = None,
    ) -> None:
        work = exchange.run(scope, send)
        try:
            if await while_connected(work, incoming, self._tasks, left) is Ending.CLIENT_GONE:
                exchange.outcome = Outcome.CLIENT_GONE
        except asyncio.CancelledError:
            exchange.outcome = Outcome.STOPPED
            raise
        finally:
            exchange.record()


def _by_name(scope: Scope) -> dict[str, str]:
    """Headers by lower-case name. Several of one name are one list (RFC 9110, 5.3): a front may add its own
    header behind one that the client has made up."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found
