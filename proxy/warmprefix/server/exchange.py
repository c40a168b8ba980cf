"""One request with its reply: sent, relayed, read from a copy, recorded once."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from warmprefix.backends.base import Response
from warmprefix.core.errors import BackendError, Unreachable
from warmprefix.core.reading import State
from warmprefix.core.slots.seat import NO_SEAT, Seated
from warmprefix.core.turn import Times
from warmprefix.core.types import Outcome, Progress, Reply
from warmprefix.dialects import answering
from warmprefix.guard import failed, guard
from warmprefix.pipeline.stages import Ended, Outgoing, Passed, Written, ended_of
from warmprefix.server.asgi import Scope, Send, target_of
from warmprefix.server.ending import end_turn
from warmprefix.server.incoming import ClientGone, has_left
from warmprefix.server.keep_alive import Pulse
from warmprefix.server.problems import answer_backend_error, backend_error_event, outcome_of
from warmprefix.server.relay import BEGUN, NoRelay, Relay, send_end, send_head, send_piece
from warmprefix.server.way import Way


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a request was complete: Unix time, and the monotonic clock that durations are taken from."""

    unix_s: float
    clock_s: float


class Exchange:
    """Runs once. `outcome` may be set from outside until the turn is recorded. `is_sent`: the backend may have
    the request; `has_spoken`: something generated has come."""

    def __init__(
        self,
        way: Way,
        arrival: Arrival,
        pulse: Pulse | None,
        may_open: Callable[[], Awaitable[None]] | None,
    ) -> None:
        """`may_open` returns when the request may be sent; None if that is at once."""
        self._way = way
        self._may_open = may_open
        self.is_sent = False
        self.has_spoken = asyncio.Event()
        self._pulse = pulse
        self._has_begun = False
        self.arrival = arrival
        self._prepared_s = time.perf_counter()
        self._refused: int | None = None
        self._relay: Relay | NoRelay = NoRelay()
        self._recorded = False
        self._seated = Seated(NO_SEAT, way.outgoing.body)
        self.outcome = Outcome.OK

    @property
    def came(self) -> Passed:
        """The request as it came."""
        return self._way.came

    @property
    def outgoing(self) -> Outgoing:
        """The request as it goes out."""
        return self._way.outgoing

    @property
    def backend(self) -> str:
        """The name of the backend that is asked."""
        return self._way.route.backend

    @property
    def progress(self) -> Progress | None:
        """How far the prompt is read, by the backend's latest report."""
        return self._relay.progress

    @property
    def state(self) -> State:
        """How far the request is."""
        if not self.is_sent:
            return "waiting"
        if self.has_spoken.is_set():
            return "writing"
        request = self._way.came.request
        return "reading" if request is not None and request.stream else "answering"

    async def run(self, scope: Scope, send: Send) -> None:
        """Send the request and relay what comes back. Raises nothing that a backend can cause."""
        try:
            response = await self._opened(scope, send)
            try:
                await self._relay_back(send, response)
            finally:
                response.close()
        except ClientGone:  # inside its body
            self.outcome = Outcome.CLIENT_GONE
        except BackendError as error:
            if has_left(error):
                self.outcome = Outcome.CLIENT_GONE
                return
            self.outcome = outcome_of(error)
            self._way.lost(error)
            path = self._way.came.endpoint
            if self._has_begun and not self._relay.has_passed:
                self._refused = BEGUN.status
                await send_piece(send, backend_error_event(path, error))
                await send_end(send)
            elif self._relay.status is None:
                self._refused = await answer_backend_error(send, path, error)
            # Else the reply ends here, unfinished: no second status, no invented [DONE].

    async def _opened(self, scope: Scope, send: Send) -> Response:
        """The head of the answer. If it is long in coming, the client may get one of ours first."""
        pulse = self._pulse
        if pulse is None or not pulse.is_early:
            return await self._open(scope)

        async def beat() -> None:
            if not self._has_begun:
                self._has_begun = True
                await send_head(send, BEGUN)
            await send_piece(send, pulse.says)

        return await pulse.beside(self._open(scope), beat)

    async def _open(self, scope: Scope) -> Response:
        """The head of the answer, from the first backend to which a connection can be opened."""
        way = self._way
        if self._may_open is not None:
            await self._may_open()
        self.is_sent = True
        while True:
            parts, outgoing = way.parts, way.outgoing
            self._seated = Seated(NO_SEAT, outgoing.body)
            with self._guard("slot"):
                self._seated = await parts.seatings.take(outgoing)
            # What has begun since it came gives way, too. From now on its slot is busy, and nothing begins.
            parts.pause.end(way.came.failed_open)
            try:
                return await parts.connections.open(
                    scope["method"], target_of(scope), way.headers, way.stream or self._seated.body
                )
            except Unreachable as error:  # nothing was sent
                if not way.leads_on(error):
                    raise
            seat, self._seated = self._seated.seat, Seated(NO_SEAT, outgoing.body)
            with self._guard("slot"):
                parts.seatings.give_back(outgoing, seat)
            await way.write()

    async def _relay_back(self, send: Send, response: Response) -> None:
        way = self._way
        request = way.came.request
        written = way.outgoing if isinstance(way.outgoing, Written) else None
        is_observed = written is not None and written.is_observed
        if response.status != 200 or is_observed:
            written = None  # nothing of it may be changed
        if response.status >= 400:
            self.outcome = Outcome.BACKEND_ERROR
        capture = way.parts.capture
        most = capture.most_response_bytes if capture is not None else 0
        self._relay = relay = Relay(
            response,
            answering(way.came.endpoint) if request is None else request.dialect,
            written,
            way.parts.counters,
            way.came.failed_open,
            most,
            rewords=not is_observed,
            pulse=self._pulse,
            has_begun=self._has_begun,
            max_event_bytes=way.parts.max_event_bytes,
            speaks=self.has_spoken.set,
        )
        await relay.run(send, self.record)

    def record(self) -> None:
        """Remember and log the turn, once. Raises nothing."""
        if self._recorded:
            return
        self._recorded = True
        with self._guard("record"):
            self._end(self._relay.reply())

    def _end(self, reply: Reply) -> None:
        if self.outcome is Outcome.OK and reply.error is not None:
            self.outcome = Outcome.BACKEND_ERROR
        parts, noted = self._way.parts, self._way.came.failed_open
        try:
            known = parts.known.of(reply.model or self._way.came.model)
            ended = self._ended(reply, known.generation, known.marker)
        except Exception as error:
            failed(parts.counters, "record", error, noted)
            ended = self._ended(Reply(), 0, "")  # nothing in it can fail
        with self._guard("routing"):
            self._way.end()
        end_turn(parts, ended)

    def _ended(self, reply: Reply, generation: int, start: str) -> Ended:
        way = self._way
        return ended_of(
            way.outgoing,
            reply,
            self._relay.status or self._refused,
            self.outcome,
            self._times(),
            body=self._seated.body,
            headers=way.headers,
            seat=self._seated.seat,
            generation=generation,
            start=start,
            route=way.route,
            pieces=self._relay.pieces,
        )

    def _guard(self, reason: str) -> guard:
        return guard(self._way.parts.counters, reason, self._way.came.failed_open)

    def _times(self) -> Times:
        request, first_s = self._way.came.request, self._relay.first_s
        is_streamed = request is not None and request.stream
        began_s = self.arrival.clock_s
        return Times(
            started_s=self.arrival.unix_s,
            total_ms=(time.perf_counter() - began_s) * 1000,
            proxy_ms=(self._prepared_s - began_s) * 1000,
            first_ms=(first_s - began_s) * 1000 if is_streamed and first_s is not None else None,
        )
