"""Intercepted chat completions: the whole body in, prepared, exchanged, logged."""

import asyncio
import time

from warmprefix.capture.writer import Capture
from warmprefix.core.types import Outcome
from warmprefix.guard import guard
from warmprefix.pipeline.prepare import Pipeline
from warmprefix.pipeline.prepared import unread
from warmprefix.server.asgi import Receive, Scope, Send, header
from warmprefix.server.backends import Backends
from warmprefix.server.exchange import Arrival, Exchange
from warmprefix.server.incoming import ClientGone, Ending, Incoming, TooLarge, while_connected
from warmprefix.server.problems import answer_problem
from warmprefix.server.relay import request_headers
from warmprefix.server.way import Way
from warmprefix.tasks import Tasks

_NOT_FORWARDED = frozenset({b"accept-encoding"})
"""A compressed reply could not be read; llama-server does not compress, Lemonade never a stream."""


class Chat:
    """Answers the intercepted endpoints."""

    def __init__(
        self,
        pipeline: Pipeline,
        backends: Backends,
        tasks: Tasks,
        max_body_bytes: int,
        capture: Capture | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._backends = backends
        self._capture = capture
        self._tasks = tasks
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, from its body to its line in the log."""
        incoming = Incoming(receive)
        try:
            body = await incoming.read(self._max_body_bytes)
        except ClientGone:
            return
        except TooLarge:
            limit = f"{self._max_body_bytes} bytes (server.max_body_bytes)"
            await answer_problem(send, 413, "request_too_large", f"The body is over {limit}.")
            return
        arrival = Arrival(time.time(), time.perf_counter())
        names = _by_name(scope)
        counters, identified = self._pipeline.counters, unread(scope["path"], body)
        with guard(counters, "prepare", identified.failed_open):
            identified = await self._pipeline.identify(scope["path"], names, body)
        headers = request_headers(scope, _NOT_FORWARDED)
        way = Way(self._backends, self._pipeline, identified, headers)
        try:
            await way.write()
            tape = None
            if self._capture is not None:
                with guard(counters, "capture", identified.failed_open):
                    tape = self._capture.tape(scope["path"], names, body, arrival.unix_s)
            await self._run(Exchange(way, arrival, tape), incoming, scope, send)
        finally:
            with guard(counters, "routing"):
                way.end()

    async def _run(self, exchange: Exchange, incoming: Incoming, scope: Scope, send: Send) -> None:
        work = exchange.run(scope, send)
        try:
            if await while_connected(work, incoming, self._tasks) is Ending.CLIENT_GONE:
                exchange.outcome = Outcome.CLIENT_GONE
        except asyncio.CancelledError:
            exchange.outcome = Outcome.STOPPED
            raise
        finally:
            exchange.record()


def _by_name(scope: Scope) -> dict[str, str]:
    """Headers by lower-case name; the first of a name counts."""
    pairs = reversed(scope["headers"])
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}


def is_readable(scope: Scope) -> bool:
    """Whether the body can be read: a compressed one is passed on, never inflated."""
    return header(scope, b"content-encoding") in (None, b"", b"identity")
