"""One prepared request with its reply: sent, relayed, read from a copy, recorded once."""

import time
from dataclasses import dataclass, replace

from proxy.backends.base import Response
from proxy.capture import Tape
from proxy.core.errors import BackendError, Unreachable
from proxy.core.prewarm import kept_reply
from proxy.core.turn import Times
from proxy.core.types import Outcome, Reply
from proxy.dialects import chat_completions
from proxy.dialects.chat_ids import CallIds
from proxy.dialects.chat_reply import ChatReader
from proxy.prepared import Prepared
from proxy.recorder import Ended, Question
from proxy.server.asgi import Scope, Send, target_of
from proxy.server.asking import gather
from proxy.server.parts import Parts
from proxy.server.problems import answer_backend_error, outcome_of
from proxy.server.relay import send_end, send_head, send_piece
from proxy.server.turns import Place
from proxy.server.way import Way
from proxy.slot_table import Seat, Unseen


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
        self._reader: ChatReader | None = None
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
            self._parts.known.lost()
            self._way.failed(error)
            if self._status is None:
                self._status = await answer_backend_error(send, error)
            # Else the reply ends here, unfinished: no second status, no invented [DONE].

    async def _open(self, scope: Scope) -> Response:
        """The head of the answer, from the first backend to which a connection can be opened."""
        while True:
            parts = self._parts
            if parts.seating is not None:
                self._seat = await parts.seating.take(self._prepared)
            try:
                return await parts.connections.open(
                    scope["method"], target_of(scope), self._way.headers, self._prepared.body
                )
            except Unreachable as error:  # nothing was sent
                if not self._way.leads_on(error):
                    raise
            if parts.seating is not None and self._seat is not None:
                parts.seating.give_back(self._seat)
                self._seat = None
            await self._way.write()

    async def _relay(self, send: Send, response: Response) -> None:
        is_stream = _is_event_stream(response)
        self._reader = chat_completions.reader(is_stream)
        if response.status >= 400:
            self.outcome = Outcome.BACKEND_ERROR
        ids = self._prepared.call_ids if response.status == 200 else None
        if ids is not None and not is_stream:
            await self._relay_body(send, response, ids)
        else:
            await self._relay_pieces(send, response, ids)

    async def _relay_pieces(self, send: Send, response: Response, ids: CallIds | None) -> None:
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

    async def _relay_body(self, send: Send, response: Response, ids: CallIds) -> None:
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
        reader = self._reader
        assert reader is not None
        if self._tape is not None:
            self._tape.feed(piece)
        try:
            reader.feed(piece)
        except Exception:  # fail open: an unreadable reply is still the client's
            self._parts.counters.failed_open("reader")
            reader.failed = True
        if self._first_s is None and reader.has_output:
            self._first_s = time.perf_counter()
        if reader.done:
            self.record()  # before the client, who has the last event, can ask again

    def record(self) -> None:
        """Remember and log the turn, once."""
        if self._recorded:
            return
        self._recorded = True
        reply = self._reply()
        if self.outcome is Outcome.OK and reply.error is not None:
            self.outcome = Outcome.BACKEND_ERROR
        known, route = self._parts.known, self._way.route
        ended = Ended(
            reply, self._status, self.outcome, self._times(), known.generation, route.backend
        )
        turn, question = self._parts.recorder.record(self._prepared, ended)
        if self._parts.seating is not None and self._seat is not None:
            kept = kept_reply(reply, turn.status)
            goes_on = kept is not None and bool(kept.tool_calls)
            turn = self._parts.seating.leave(self._seat, turn, reply.message, goes_on=goes_on)
        if self._parts.prewarm is not None:
            seat = self._seat if isinstance(self._seat, Seat) else None
            self._parts.prewarm.ended(turn, self._prepared, reply, seat)
        if self._parts.reread is not None:
            self._parts.reread.ended(turn, self._prepared, reply)
        turn = replace(turn, backend=route.backend, backend_reason=route.reason)
        self._way.end()
        known.saw_model(turn.model)
        if self._tape is not None:
            self._tape.end(turn, as_received=self._prepared.body == self._tape.request)
        if question is None:
            self._parts.turns.add(turn)
        else:
            place = self._parts.turns.reserve()
            self._parts.tasks.start(self._ask(replace(question, turn=turn), place), "explain")

    async def _ask(self, question: Question, place: Place) -> None:
        """Explain a turn with what the backend says of itself, then log it."""
        turn = question.turn
        try:
            evidence = await gather(self._parts.known, question)
            found = self._parts.recorder.explain(turn, question.before, question.after, evidence)
            turn = replace(turn, cache_break=found)
        finally:
            self._parts.turns.fill(place, turn)

    def _reply(self) -> Reply:
        reader = self._reader
        return Reply() if reader is None or reader.failed else reader.finish()

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
