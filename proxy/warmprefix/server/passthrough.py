"""Everything that is not ours: streamed to the backend and back, untouched."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from warmprefix.backends.base import Body, Headers
from warmprefix.backends.connection import BackendResponse
from warmprefix.core.errors import BackendError
from warmprefix.server.asgi import Receive, Scope, Send, header, target_of
from warmprefix.server.backends import Backend, Backends
from warmprefix.server.incoming import ClientGone, Incoming, while_connected
from warmprefix.server.problems import answer_backend_error, answer_problem
from warmprefix.server.reading_on import ReadingOn
from warmprefix.server.relay import request_headers, send_untouched
from warmprefix.tasks import Tasks

_LEAVES_SLOTS_ALONE = (
    "tokenize",
    "detokenize",
    "apply-template",
    "count_tokens",
    "input_tokens",
    "props",
)
"""Ends of paths whose POST takes no slot. Any other may, and cut the conversation in it: which ones do is the
backend's to say, and it has new ones every month."""

_NO_TUNNEL: Headers = [
    (b"allow", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE"),
    (b"connection", b"close"),  # what follows would be the tunnel's, and is no request
]
"""CONNECT is the one method that is never passed on: it asks for a tunnel, and its target is no path (RFC 9110,
9.3.6), so the backend would get another request than the client wrote."""


class Passthrough:
    """Relays any request to the first backend that is healthy."""

    def __init__(self, backends: Backends, tasks: Tasks, reading_on: ReadingOn) -> None:
        self._reading_on = reading_on
        self._backends = backends
        self._tasks = tasks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Relay one request."""
        if scope["method"] == "CONNECT":
            message = "warmprefix: CONNECT opens a tunnel, and there is none here."
            await answer_problem(
                send, scope["path"], 405, "method_not_allowed", message, _NO_TUNNEL
            )
            return
        incoming = Incoming(receive)
        async with self._unseen(scope):
            await while_connected(self._relay(scope, incoming, send), incoming, self._tasks)

    @asynccontextmanager
    async def _unseen(self, scope: Scope) -> AsyncIterator[None]:
        """The slots know meanwhile that something runs that was not placed, whichever backend gets it."""
        takes = scope["method"] == "POST" and not scope["path"].endswith(_LEAVES_SLOTS_ALONE)
        backends = self._backends.all if takes else ()
        if takes:
            self._reading_on.came()
        seatings = [own.seating for backend in backends for own in backend.parts.seatings.all]
        for seating in seatings:
            await seating.rest()
            seating.unseen_began()
        try:
            yield
        finally:
            for seating in seatings:
                seating.unseen_ended()

    async def _relay(self, scope: Scope, incoming: Incoming, send: Send) -> None:
        began = False
        try:
            length, body = await _body(scope, incoming)
            response = await self._open(scope, length, body)
            try:
                began = True
                await send_untouched(send, response)
            finally:
                response.close()
        except ClientGone:
            return
        except BackendError as error:
            if not began:
                await answer_backend_error(send, scope["path"], error)
            # Else the answer ends here, unfinished: the web server closes the connection.

    async def _open(self, scope: Scope, length: Headers, body: Body) -> BackendResponse:
        """The head of the answer. Without a connection nothing of the body is read, so another may follow."""
        method, target = scope["method"], target_of(scope)

        async def ask(backend: Backend) -> BackendResponse:
            if method == "POST":
                backend.parts.pause.end()
            headers = [*await backend.parts.outgoing(request_headers(scope)), *length]
            return await backend.parts.connections.open(method, target, headers, body)

        return await self._backends.reach(ask)


async def _body(scope: Scope, incoming: Incoming) -> tuple[Headers, Body]:
    """The body to stream, and the header of its length where the client told it."""
    length = header(scope, b"content-length")
    if length is None and header(scope, b"transfer-encoding") is None:
        await incoming.read(0)
        return [], None
    if length == b"0":
        await incoming.read(0)
        return [(b"Content-Length", b"0")], None
    return [] if length is None else [(b"Content-Length", length)], incoming.pieces()
