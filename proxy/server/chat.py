"""Intercepted chat completions: the whole body in, the changed one out, the reply relayed and read."""

import time
from dataclasses import dataclass, field

from proxy.backends.base import Kind, Response
from proxy.backends.connection import Connections
from proxy.core.errors import BackendError
from proxy.core.turn import Times
from proxy.core.types import Outcome, Reply
from proxy.dialects import chat_completions
from proxy.dialects.chat_reply import ChatReader
from proxy.pipeline import Pipeline, Prepared
from proxy.server.asgi import Receive, Scope, Send, header, target_of
from proxy.server.incoming import ClientGone, Ending, Incoming, TooLarge, while_connected
from proxy.server.problems import answer_backend_error, answer_problem, outcome_of
from proxy.server.relay import request_headers, send_end, send_head, send_piece
from proxy.server.turns import Turns
from proxy.tasks import Tasks

_NOT_FORWARDED = frozenset({b"accept-encoding"})
"""A compressed reply could not be read; llama-server does not compress, Lemonade never a stream."""


@dataclass(slots=True)
class _Progress:
    """What is known of the reply while it passes. Moments are of the monotonic clock, in seconds."""

    arrived: float
    proxy_s: float = 0.0
    first: float | None = None
    status: int | None = None
    reader: ChatReader | None = None
    outcome: Outcome = Outcome.OK
    recorded: bool = field(default=False)


class Chat:
    """Answers the intercepted endpoints."""

    def __init__(
        self,
        pipeline: Pipeline,
        connections: Connections,
        turns: Turns,
        tasks: Tasks,
        max_body_bytes: int,
    ) -> None:
        self._pipeline = pipeline
        self._connections = connections
        self._turns = turns
        self._tasks = tasks
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send, kind: Kind) -> None:
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
        progress = _Progress(arrived=time.perf_counter())
        started_s = time.time()
        names = {k.decode("latin-1"): v.decode("latin-1") for k, v in reversed(scope["headers"])}
        prepared = await self._pipeline.prepare(scope["path"], names, body, kind)
        progress.proxy_s = time.perf_counter() - progress.arrived
        work = self._exchange(scope, send, kind, prepared, progress, started_s)
        ending = await while_connected(work, incoming, self._tasks)
        if ending is Ending.CLIENT_GONE:
            progress.outcome = Outcome.CLIENT_GONE
        self._record(prepared, progress, started_s)

    async def _exchange(
        self,
        scope: Scope,
        send: Send,
        kind: Kind,
        prepared: Prepared,
        progress: _Progress,
        started_s: float,
    ) -> None:
        headers = kind.headers(request_headers(scope, _NOT_FORWARDED))
        try:
            response = await self._connections.open(
                scope["method"], target_of(scope), headers, prepared.body
            )
            try:
                await self._relay(send, response, prepared, progress, started_s)
            finally:
                response.close()
        except BackendError as error:
            progress.outcome = outcome_of(error)
            if progress.status is None:
                progress.status = await answer_backend_error(send, error)
            # Else the reply ends here, unfinished: no second status, no invented [DONE].

    async def _relay(
        self,
        send: Send,
        response: Response,
        prepared: Prepared,
        progress: _Progress,
        started_s: float,
    ) -> None:
        progress.status = response.status
        progress.reader = chat_completions.reader(_is_event_stream(response))
        if response.status >= 400:
            progress.outcome = Outcome.BACKEND_ERROR
        await send_head(send, response)
        async for piece in response.pieces():
            await send_piece(send, piece)
            self._read(progress, piece)
            if progress.reader.done:
                # Remembered before the client, who has the last event, can ask again.
                self._record(prepared, progress, started_s)
        await send_end(send)

    def _read(self, progress: _Progress, piece: bytes) -> None:
        """Look at a copy of what was just sent. Whatever it is, the client has it already."""
        reader = progress.reader
        assert reader is not None
        try:
            reader.feed(piece)
        except Exception:  # fail open: an unreadable reply is still the client's
            self._pipeline.counters.failed_open("reader")
            reader.failed = True
        if progress.first is None and reader.has_output:
            progress.first = time.perf_counter()

    def _record(self, prepared: Prepared, progress: _Progress, started_s: float) -> None:
        if progress.recorded:
            return
        progress.recorded = True
        reply = _reply(progress)
        if progress.outcome is Outcome.OK and reply.error is not None:
            progress.outcome = Outcome.BACKEND_ERROR
        times = Times(
            started_s=started_s,
            total_ms=(time.perf_counter() - progress.arrived) * 1000,
            proxy_ms=progress.proxy_s * 1000,
            first_ms=_first_ms(progress, prepared),
        )
        turn = self._pipeline.record(prepared, reply, progress.status, progress.outcome, times)
        self._turns.add(turn)


def _reply(progress: _Progress) -> Reply:
    reader = progress.reader
    if reader is None or reader.failed:
        return Reply()
    return reader.finish()


def _first_ms(progress: _Progress, prepared: Prepared) -> float | None:
    is_stream = prepared.request is not None and prepared.request.stream
    if progress.first is None or not is_stream:
        return None
    return (progress.first - progress.arrived) * 1000


def _is_event_stream(response: Response) -> bool:
    kinds = (value for key, value in response.headers if key.lower() == b"content-type")
    return next(kinds, b"").startswith(b"text/event-stream")


def is_readable(scope: Scope) -> bool:
    """Whether the body can be read: a compressed one is passed on, never inflated."""
    return header(scope, b"content-encoding") in (None, b"", b"identity")
