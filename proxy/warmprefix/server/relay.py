"""Requests and replies between client and backend: headers and bytes as they are, and a copy that is read.

The one place where a reply's bytes may be changed: tool-call ids are made unique, counts and progress that we
have asked for are left out of a stream, and an error is put into the words of the endpoint (dialects/). That
and the reading are walled: if a change fails, the bytes go on as they came; if reading fails, nothing is said.
"""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from warmprefix.backends.base import Headers, Response, end_to_end
from warmprefix.core.errors import BackendError, NotUnderstood
from warmprefix.core.types import Progress, Reply
from warmprefix.counters import Counters
from warmprefix.dialects.base import (
    MAX_BODY,
    Asked,
    Dialect,
    ReplyIds,
    ReplyReader,
    Reword,
    StreamEdit,
)
from warmprefix.guard import failed
from warmprefix.pipeline.stages import Written
from warmprefix.server.asgi import Scope, Send
from warmprefix.server.keep_alive import Pulse
from warmprefix.server.protocol import COMPARED, HeaderName, SpelledName

_ENDS_OF_EVENTS = (b"\n\n", b"\r\n\r\n", b"\r\r")
_OURS = frozenset({b"host", b"content-length", b"expect"})
"""Written anew for the backend's connection; the web server has already answered `Expect`."""

_TOO_LONG = NotUnderstood(
    f"a reply is over {MAX_BODY} bytes, or an event of it over backend.max_event_bytes; "
    "it is relayed without being read"
)


def request_headers(scope: Scope, drop: frozenset[bytes] = frozenset()) -> Headers:
    """The client's end-to-end headers."""
    return [
        (key, value)
        for key, value in end_to_end(scope["headers"])
        if key not in _OURS and key not in drop
    ]


async def send_head(
    send: Send, response: "Response | Head", *, is_changed: bool = False, length: int | None = None
) -> None:
    """Status and headers of the backend's answer, their names as it wrote them. `is_changed`: the body may have
    another length than they say; `length` is that length, if it is known."""
    # A 304 names the length of what it leaves out, and uvicorn would insist on that many bytes.
    drops = is_changed or response.status == 304
    headers: Headers = [
        (HeaderName(key) if key.lower() in COMPARED else SpelledName(key), value)
        for key, value in response.headers
        if not (drops and key.lower() == b"content-length")
    ]
    if length is not None:
        headers.append((HeaderName(b"Content-Length"), str(length).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})


async def send_piece(send: Send, piece: bytes) -> None:
    """A piece of the body."""
    await send({"type": "http.response.body", "body": piece, "more_body": True})


async def send_end(send: Send) -> None:
    """The end of the body."""
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def send_untouched(send: Send, response: Response) -> None:
    """The whole answer of the backend as it is."""
    await send_head(send, response)
    async for piece in response.pieces():
        await send_piece(send, piece)
    await send_end(send)


@dataclass(frozen=True, slots=True)
class Head:
    """A status and headers."""

    status: int
    headers: Headers


BEGUN = Head(200, [(b"Content-Type", b"text/event-stream"), (b"Cache-Control", b"no-cache")])
"""That of a stream which begins before the backend has answered."""


def _nothing() -> None:
    """Nobody waits for it."""


class NoRelay:
    """No answer has come."""

    status: int | None = None
    has_passed = False
    first_s: float | None = None
    pieces: Sequence[bytes] = ()
    progress: Progress | None = None

    def reply(self) -> Reply:
        """Nothing was said."""
        return Reply()


class Relay:
    """One reply. `status`: as it was sent on; `has_passed`: some of its body was; `first_s`: when the first
    generated text came, by the monotonic clock; `pieces`: its bytes, as many as are to be kept."""

    def __init__(
        self,
        response: Response,
        dialect: Dialect,
        written: Written | None,
        counters: Counters,
        noted: list[str],
        most_kept: int,
        *,
        rewords: bool = True,
        pulse: Pulse | None = None,
        has_begun: bool = False,
        max_event_bytes: int = MAX_BODY,
        speaks: Callable[[], None] = _nothing,
    ) -> None:
        """`written`: the request, if the reply may be changed; `most_kept`: bytes, to be captured; `rewords`:
        whether an error may be put into other words; `has_begun`: the client has had a head already;
        `max_event_bytes`: of a stream, to be read; `speaks` is called when something generated has come."""
        self._response = response
        self._dialect = dialect
        self._is_stream = _is_event_stream(response)
        self._pulse = pulse if self._is_stream else None
        self._has_begun = has_begun
        self._speaks = speaks
        self._tail = b"\n\n"  # of what was passed on: nothing is the end of an event too
        self._counters = counters
        self._noted = noted
        self._room = most_kept
        self._unread_bytes = MAX_BODY
        self._max_event_bytes = max_event_bytes
        self._ids: ReplyIds | None = None
        self._edits: dict[str, StreamEdit] = {}
        self._reword: Reword | None = None
        self._reader: ReplyReader | None = None
        self._is_done = False
        self.status: int | None = None
        self.has_passed = False
        self.first_s: float | None = None
        self.pieces: list[bytes] = []
        self._prepare(dialect, written, rewords=rewords)

    def _prepare(self, dialect: Dialect, written: Written | None, *, rewords: bool) -> None:
        """What reads the reply and may change it; what fails is left out."""
        try:
            if written is not None and written.request.prompt.tools:
                messages = written.request.prompt.messages
                self._ids = dialect.reply_ids(messages, written.came.turn)
                if self._ids is not None and self._is_stream:
                    self._edits["call-ids"] = self._ids
        except Exception as error:
            self._failed("call-ids", error)
        if written is not None and self._is_stream:
            for asked in written.asked:
                self._take_out(asked)
        try:
            if rewords and self._response.status >= 400 and not self._is_stream:
                self._reword = dialect.backend_error(self._response.status)
        except Exception as error:
            self._failed("error-words", error)
        try:
            self._reader = dialect.reader(self._is_stream)
        except Exception as error:
            self._failed("reader", error)

    def _take_out(self, asked: Asked) -> None:
        """Leave out of the stream what we have asked for."""
        try:
            self._edits[asked.reason] = asked.without()
        except Exception as error:
            self._failed(asked.reason, error)

    @property
    def progress(self) -> Progress | None:
        """How far the prompt was read, by the latest report."""
        return None if self._reader is None else self._reader.progress

    async def run(self, send: Send, done: Callable[[], None]) -> None:
        """Send it on. `done`: called when its last event has passed, before the client can ask again."""
        if self._has_begun and not (self._is_stream and self._response.status == 200):
            await self._send_event(send)
        elif self._reword is not None or (self._ids is not None and not self._is_stream):
            await self._send_body(send)
        else:
            await self._send_pieces(send, done)
        await send_end(send)

    async def _send_pieces(self, send: Send, done: Callable[[], None]) -> None:
        """Each piece first to the client, then to the reader."""
        if not self._has_begun:
            await send_head(send, self._response, is_changed=bool(self._edits))
        self.status = self._response.status
        pieces = self._response.pieces()
        try:
            if self._pulse is not None:
                await self._send_beside(self._pulse, pieces, send, done)
            async for piece in pieces:
                if passed := self._passed(piece):
                    self.has_passed = True
                    await send_piece(send, passed)
                self.read(piece)
                if self._is_done:
                    done()
        except BackendError:
            await self._send_rest(send)
            raise
        await self._send_rest(send)

    async def _send_beside(
        self, pulse: Pulse, pieces: AsyncIterator[bytes], send: Send, done: Callable[[], None]
    ) -> None:
        """The pieces of a stream until something generated is among them. What its client gets has no long
        silence, whatever the backend says that is left out."""

        async def beat() -> None:
            if self._tail.endswith(_ENDS_OF_EVENTS):
                await send_piece(send, pulse.says)

        def read(piece: bytes) -> None:
            self.read(piece)
            if self._is_done:
                done()

        async def heard() -> tuple[bytes, bytes]:
            """The next piece of which the client gets something, and that; nothing if there is none."""
            async for piece in pieces:
                if passed := self._passed(piece):
                    return piece, passed
                read(piece)
                if self.first_s is not None:
                    break
            return b"", b""

        while self.first_s is None:
            piece, passed = await pulse.beside(heard(), beat)
            if not piece:
                return
            self.has_passed = True
            self._tail = (self._tail + passed[-4:])[-4:]
            await send_piece(send, passed)
            read(piece)

    async def _send_event(self, send: Send) -> None:
        """A whole reply or error in a stream that has begun without it."""
        pieces: list[bytes] = []
        async for piece in self._response.pieces():
            pieces.append(piece)
            self.read(piece)
            if self._unread_bytes < 0:
                break  # it goes into one event
        self.status, self.has_passed = BEGUN.status, True
        body = self._whole(b"".join(pieces))
        await send_piece(send, self._dialect.error_event(self._response.status, body))

    async def _send_rest(self, send: Send) -> None:
        """What was held back of a stream that has ended, whole or not."""
        rest = b""
        for reason, edit in tuple(self._edits.items()):
            held = self._edited(reason, edit, rest) if rest else b""
            try:
                rest = held + edit.end()
            except Exception as error:
                self._failed(reason, error)
                rest = held + edit.held
        if rest:
            await send_piece(send, rest)

    async def _send_body(self, send: Send) -> None:
        """A whole reply or error whose length may change. llama-server sends it at once."""
        pieces: list[bytes] = []
        size = 0
        arriving = self._response.pieces()
        async for piece in arriving:
            pieces.append(piece)
            size += len(piece)
            self.read(piece)
            if size > MAX_BODY:
                await self._send_unchanged(send, pieces, arriving)
                return
        body = self._whole(b"".join(pieces))
        self.status = self._response.status
        await send_head(send, self._response, is_changed=True, length=len(body))
        await send_piece(send, body)

    async def _send_unchanged(
        self, send: Send, pieces: list[bytes], arriving: AsyncIterator[bytes]
    ) -> None:
        """A reply or error that is too long to be held: what has come of it, then the rest as it comes."""
        self._failed("error-words" if self._reword is not None else "call-ids", _TOO_LONG)
        await send_head(send, self._response)
        self.status = self._response.status
        while pieces:
            await send_piece(send, pieces.pop(0))
        async for piece in arriving:
            await send_piece(send, piece)

    def _passed(self, piece: bytes) -> bytes:
        """What can be passed on of a stream after `piece`."""
        for reason, edit in tuple(self._edits.items()):
            piece = self._edited(reason, edit, piece)
        return piece

    def _edited(self, reason: str, edit: StreamEdit, piece: bytes) -> bytes:
        """`piece` as one of the edits passes it on; one that fails is left out from then on."""
        held = edit.held
        try:
            return edit.piece(piece)
        except Exception as error:
            self._failed(reason, error)
        self._edits.pop(reason, None)
        return held + piece

    def _whole(self, body: bytes) -> bytes:
        """A whole reply or error as it is passed on."""
        ids, reword = self._ids, self._reword
        if reword is not None:
            try:
                return reword(body)
            except Exception as error:
                self._failed("error-words", error)
        if ids is not None:
            try:
                return ids.body(body)
            except Exception as error:
                self._failed("call-ids", error)
        return body

    def read(self, piece: bytes) -> None:
        """Look at a copy. Whatever it is, it has been sent on as it is."""
        if self._room > 0:
            self.pieces.append(piece[: self._room])
            self._room -= len(piece)
        reader = self._reader
        if reader is None:
            return
        try:
            reader.feed(piece)
            self._unread_bytes -= len(piece)
            is_too_long = reader.pending_bytes > self._max_event_bytes or self._unread_bytes < 0
        except Exception as error:
            self._failed("reader", error)
            self._reader = None
        else:
            if is_too_long:
                self._failed("reader", _TOO_LONG)
                self._reader = None
        if self.first_s is None and reader.has_output:
            self.first_s = time.perf_counter()
            self._speaks()
        self._is_done = reader.done

    def reply(self) -> Reply:
        """The reply when no more bytes will come, as far as it was read."""
        reader = self._reader
        if reader is not None:
            try:
                return reader.finish()
            except Exception as error:
                self._failed("reader", error)
        return Reply()

    def _failed(self, reason: str, error: Exception) -> None:
        failed(self._counters, reason, error, self._noted)


def _is_event_stream(response: Response) -> bool:
    kinds = (value for key, value in response.headers if key.lower() == b"content-type")
    return next(kinds, b"").startswith(b"text/event-stream")
