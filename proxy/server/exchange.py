"""One prepared request with its reply: sent, relayed, read from a copy, recorded once."""

import time
from dataclasses import dataclass, replace

from proxy.backends.base import Headers, Response
from proxy.backends.connection import Connections
from proxy.backends.known import KnownBackend
from proxy.capture import Capture, Tape
from proxy.core.errors import BackendError
from proxy.core.turn import Times
from proxy.core.types import Outcome, Reply
from proxy.counters import Counters
from proxy.dialects import chat_completions
from proxy.dialects.chat_ids import CallIds
from proxy.dialects.chat_reply import ChatReader
from proxy.pipeline import Prepared
from proxy.recorder import Ended, Question, Recorder
from proxy.server.asgi import Scope, Send, target_of
from proxy.server.asking import gather
from proxy.server.problems import answer_backend_error, outcome_of
from proxy.server.relay import send_end, send_head, send_piece
from proxy.server.seating import Seating
from proxy.server.turns import Place, Turns
from proxy.slotkeeper import Seat
from proxy.tasks import Tasks


@dataclass(frozen=True, slots=True)
class Parts:
    """What every exchange needs of the application."""

    connections: Connections
    known: KnownBackend
    recorder: Recorder
    turns: Turns
    counters: Counters
    tasks: Tasks
    capture: Capture | None = None
    seating: Seating | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a request was complete: Unix time, and the monotonic clock that durations are taken from."""

    unix_s: float
    clock_s: float


class Exchange:
    """Runs once. `outcome` may be set from outside until the turn is recorded."""

    def __init__(
        self, parts: Parts, prepared: Prepared, arrival: Arrival, tape: Tape | None = None
    ) -> None:
        self._parts = parts
        self._prepared = prepared
        self._arrival = arrival
        self._tape = tape
        self._prepared_s = time.perf_counter()
        self._first_s: float | None = None
        self._status: int | None = None
        self._reader: ChatReader | None = None
        self._recorded = False
        self._seat: Seat | None = None
        self.outcome = Outcome.OK

    async def run(self, scope: Scope, send: Send, headers: Headers) -> None:
        """Send the request and relay what comes back. Raises nothing that a backend can cause."""
        try:
            if self._parts.seating is not None:
                self._seat = await self._parts.seating.take(self._prepared)
            response = await self._parts.connections.open(
                scope["method"], target_of(scope), headers, self._prepared.body
            )
            try:
                await self._relay(send, response)
            finally:
                response.close()
        except BackendError as error:
            self.outcome = outcome_of(error)
            self._parts.known.lost()
            if self._status is None:
                self._status = await answer_backend_error(send, error)
            # Else the reply ends here, unfinished: no second status, no invented [DONE].

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
        known = self._parts.known
        ended = Ended(reply, self._status, self.outcome, self._times(), known.generation)
        turn, question = self._parts.recorder.record(self._prepared, ended)
        if self._parts.seating is not None:
            turn = self._parts.seating.leave(self._seat, turn)
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
