"""One prepared request with its reply: sent, relayed, read from a copy, recorded once."""

import time
from dataclasses import dataclass

from warmprefix.backends.base import Response
from warmprefix.capture.writer import Tape
from warmprefix.core.errors import BackendError, Unreachable
from warmprefix.core.turn import Times
from warmprefix.core.types import Outcome, Reply
from warmprefix.dialects import DIALECTS, dialect_of
from warmprefix.dialects.base import Dialect, ReplyReader
from warmprefix.guard import Guard, guard
from warmprefix.pipeline.prepared import Prepared
from warmprefix.pipeline.remember import Ended
from warmprefix.server.asgi import Scope, Send, target_of
from warmprefix.server.ending import end_turn
from warmprefix.server.parts import Parts
from warmprefix.server.problems import answer_backend_error, outcome_of
from warmprefix.server.relay import send_end, send_head, send_piece
from warmprefix.server.renamed import Renamed
from warmprefix.server.way import Way
from warmprefix.slots.table import Seat, Unseen


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a request was complete: Unix time, and the monotonic clock that durations are taken from."""

    unix_s: float
    clock_s: float


class Exchange:
    """Runs once. `outcome` may be set from outside until the turn is recorded."""

    def __init__(self, way: Way, arrival: Arrival, tape: Tape | None = None) -> None:
        self._way = way
        self._arrival = arrival
        self._tape = tape
        self._prepared_s = time.perf_counter()
        self._first_s: float | None = None
        self._status: int | None = None
        self._reader: ReplyReader | None = None
        self._recorded = False
        self._seat: Seat | Unseen | None = None
        self.outcome = Outcome.OK

    @property
    def _parts(self) -> Parts:
        return self._way.parts

    @property
    def _prepared(self) -> Prepared:
        return self._way.prepared

    async def run(self, scope: Scope, send: Send) -> None:
        """Send the request and relay what comes back. Raises nothing that a backend can cause."""
        try:
            response = await self._open(scope)
            try:
                await self._relay(send, response)
            finally:
                response.close()
        except BackendError as error:
            self.outcome = outcome_of(error)
            self._way.lost(error)
            if self._status is None:
                self._status = await answer_backend_error(send, error, self._dialect)
            # Else the reply ends here, unfinished: no second status, no invented [DONE].

    @property
    def _dialect(self) -> Dialect:
        return dialect_of(self._prepared.endpoint) or DIALECTS[0]

    @property
    def _model(self) -> str | None:
        request = self._prepared.request
        return request.model if request else None

    async def _open(self, scope: Scope) -> Response:
        """The head of the answer, from the first backend to which a connection can be opened."""
        while True:
            parts = self._parts
            with self._guard("slot"):
                if parts.seatings is not None:
                    self._seat = await parts.seatings.take(self._prepared)
            try:
                return await parts.connections.open(
                    scope["method"], target_of(scope), self._way.headers, self._prepared.body
                )
            except Unreachable as error:  # nothing was sent
                if not self._way.leads_on(error):
                    raise
            seat, self._seat = self._seat, None
            with self._guard("slot"):
                if parts.seatings is not None and seat is not None:
                    parts.seatings.of(self._model).seating.give_back(seat)
            await self._way.write()

    async def _relay(self, send: Send, response: Response) -> None:
        is_stream = _is_event_stream(response)
        with self._guard("reader"):
            self._reader = self._dialect.reader(is_stream)
        if response.status >= 400:
            self.outcome = Outcome.BACKEND_ERROR
        ids = self._renamed() if response.status == 200 else None
        if ids is not None and not is_stream:
            await self._relay_body(send, response, ids)
        else:
            await self._relay_pieces(send, response, ids)

    async def _relay_pieces(self, send: Send, response: Response, ids: Renamed | None) -> None:
        """Each piece first to the client, then to the reader."""
        await send_head(send, response, is_changed=ids is not None)
        self._status = response.status
        async for piece in response.pieces():
            passed = piece if ids is None else ids.piece(piece)
            if passed:
                await send_piece(send, passed)
            self._read(piece)
        if ids is not None and (rest := ids.end()):
            await send_piece(send, rest)
        await send_end(send)

    async def _relay_body(self, send: Send, response: Response, ids: Renamed) -> None:
        """A whole reply whose length may change, since a call's id may. llama-server sends it at once."""
        pieces: list[bytes] = []
        async for piece in response.pieces():
            pieces.append(piece)
            self._read(piece)
        body = ids.body(b"".join(pieces))
        self._status = response.status
        await send_head(send, response, is_changed=True, length=len(body))
        await send_piece(send, body)
        await send_end(send)

    def _read(self, piece: bytes) -> None:
        """Look at a copy. Whatever it is, it has been sent on as it is."""
        if self._tape is not None:
            with self._guard("capture"):
                self._tape.feed(piece)
        reader = self._reader
        if reader is None or reader.failed:
            return
        with self._guard("reader") as reading:
            reader.feed(piece)
        if reading.failed:
            reader.failed = True
        if self._first_s is None and reader.has_output:
            self._first_s = time.perf_counter()
        if reader.done:
            self.record()  # before the client, who has the last event, can ask again

    def record(self) -> None:
        """Remember and log the turn, once. Raises nothing."""
        if self._recorded:
            return
        self._recorded = True
        with self._guard("record"):
            self._end()

    def _end(self) -> None:
        reply = self._reply()
        if self.outcome is Outcome.OK and reply.error is not None:
            self.outcome = Outcome.BACKEND_ERROR
        backend, times, generation = self._way.route.backend, self._times(), 0
        with self._guard("backend-facts"):
            generation = self._parts.known.of(reply.model or self._model).generation
        ended = Ended(reply, self._status, self.outcome, times, generation, backend)
        end_turn(self._parts, self._way, self._prepared, ended, self._seat, self._tape)

    def _guard(self, reason: str) -> Guard:
        return guard(self._parts.counters, reason, self._prepared.failed_open)

    def _renamed(self) -> Renamed | None:
        ids, counters = self._prepared.call_ids, self._parts.counters
        return None if ids is None else Renamed(ids, counters, self._prepared.failed_open)

    def _reply(self) -> Reply:
        reader = self._reader
        if reader is not None and not reader.failed:
            with self._guard("reader"):
                return reader.finish()
        return Reply()

    def _times(self) -> Times:
        request = self._prepared.request
        has_first = request is not None and request.stream and self._first_s is not None
        began_s = self._arrival.clock_s
        return Times(
            started_s=self._arrival.unix_s,
            total_ms=(time.perf_counter() - began_s) * 1000,
            proxy_ms=(self._prepared_s - began_s) * 1000,
            first_ms=((self._first_s or 0.0) - began_s) * 1000 if has_first else None,
        )


def _is_event_stream(response: Response) -> bool:
    kinds = (value for key, value in response.headers if key.lower() == b"content-type")
    return next(kinds, b"").startswith(b"text/event-stream")
