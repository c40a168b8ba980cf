"""Kept connections to a backend: which are kept, and the state of the one that a request was sent on.

A connection that carried a stream is not kept. llama-server closes about every second one after the stream if
several clients ask at once, and says nothing: its answer promises `Keep-Alive: timeout=5` (b11669). The next
request would be written into a closed connection. A new one costs a fraction of a millisecond
(bench/README.md), so this is done for every backend, even one without the fault.
"""

import asyncio
import re
import ssl
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial

from aiohttp import ClientPayloadError, ClientRequest, ClientTimeout, StreamReader, TCPConnector
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http import RawResponseMessage
from aiohttp.tracing import Trace

_FINAL_HEAD = re.compile(rb"HTTP/1\.[01] [2-5].*?\r\n\r\n", re.DOTALL)
_BODYLESS_HEAD = re.compile(rb"HTTP/1\.[01] (?:204|304)[ \r].*?\r\n\r\n", re.DOTALL)
"""No answer to HEAD has a body, and no 204 or 304 (RFC 9112, 6.3), whatever their heads say."""


_SLICE_BYTES = 4096
_MOST_INTERIMS = (
    100  # llama-server sends none; a web server in front of it one or two (RFC 9110, 15.2)
)


class Flooded(ClientPayloadError):
    """More informational answers came in front of one than any server sends."""


class Link(ResponseHandler):
    """One connection. `requests`: sent on it so far; `is_silent`: nothing has come since the last one."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.requests = 0
        self.is_silent = True
        self._interims = 0
        self._has_head = False
        self._bodyless = _BODYLESS_HEAD

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open. Who waits for its end may have left by then; asyncio would call the error unheard."""
        super().connection_made(transport)
        if self.closed is not None:
            self.closed.add_done_callback(_heard)

    def begin(self, method: str) -> None:
        """Another request is sent on it."""
        self.requests += 1
        self.is_silent = True
        self._interims = 0
        self._has_head = False
        self._bodyless = _FINAL_HEAD if method == "HEAD" else _BODYLESS_HEAD

    def data_received(self, data: bytes) -> None:
        """Bytes of an answer, whatever they are. What comes with a head that has no body is dropped:
        llama-server ends a 204 of `/cors-proxy` with a chunk (b11669), which aiohttp takes for another head."""
        head = self._bodyless.match(data) if self.is_silent else None
        self.is_silent = False
        if head is not None and head.end() < len(data):
            self.force_close()
            data = head[0]
        # A head in slices: of endless ones a whole arrival would be parsed before any of them is seen.
        while not self._has_head and len(data) > _SLICE_BYTES:
            super().data_received(data[:_SLICE_BYTES])
            data = data[_SLICE_BYTES:]
            if self._interims > _MOST_INTERIMS:
                return
        super().data_received(data)

    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
        """The head of an answer; if that is a stream, the connection is not used again. Too many informational
        ones in front of it end the connection."""
        self._has_head = data[0].code >= 200 or data[0].code == 101
        self._interims += not self._has_head
        if self._interims > _MOST_INTERIMS:
            self.close()  # drops the exception
            self.set_exception(Flooded(f"over {_MOST_INTERIMS} informational answers"))
            return
        if is_stream(data[0]):
            self.force_close()
        super().feed_data(data, size)


def _heard(closed: "asyncio.Future[None]") -> None:
    if not closed.cancelled():
        closed.exception()


_TAKEN: ContextVar[Link | None] = ContextVar("taken", default=None)


class Pool(TCPConnector):
    """Keeps connections for `idle_s` seconds, unless each is to be used once: `keeps` is false. `trusted`: the
    certificates of a backend with TLS."""

    def __init__(
        self, idle_s: float, trusted: ssl.SSLContext | None = None, *, keeps: bool = True
    ) -> None:
        super().__init__(limit=0, keepalive_timeout=idle_s, ssl=trusted or True)
        self._keeps = (
            keeps  # aiohttp's own `force_close` would put `Connection: close` into requests
        )
        self._factory: Callable[[], Link] = partial(Link, self._loop)  # type: ignore[assignment]  # is one

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: ClientTimeout,  # noqa: ASYNC109  # aiohttp's signature
    ) -> Connection:
        """A connection for a request: a kept one, or a new one."""
        _TAKEN.set(None)
        connection = await super().connect(req, traces, timeout)
        link = connection.protocol
        if isinstance(link, Link):
            link.begin(req.method)
            if not self._keeps:
                link.force_close()
            _TAKEN.set(link)
        return connection


def went_stale() -> bool:
    """Whether the request that failed in this task was sent on a kept connection and nothing came back.

    In that case, as far as can be known, the backend had closed it and has not read the request.
    """
    link = _TAKEN.get()
    return link is not None and link.requests > 1 and link.is_silent


def is_stream(message: RawResponseMessage) -> bool:
    """Whether an answer is streamed: its length is not given, or it consists of events."""
    kind = message.headers.get("Content-Type", "")
    return message.chunked or kind.startswith("text/event-stream")
