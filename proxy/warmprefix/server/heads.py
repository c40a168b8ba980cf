"""uvicorn's HTTP protocol with limits: how long a head may be, and how long anything may take to come.

uvicorn has none but that for a connection kept between requests. A head that never ends costs the square of its
length in the parser under it, and a connection that says nothing is kept for ever.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

HEAD_BYTES = 64 * 1024
HEAD_S = 10.0
IDLE_S = 75.0
"""Without a byte: between requests, before a head, inside a body. Longer than the usual clients' pools keep a
connection, so that they close first and never race."""


class LimitedProtocol(HttpToolsProtocol):
    """A request whose head is too long is answered with 431, one that stops coming with 408."""

    _is_in_head = True
    _is_whole = False
    _is_upgraded = False
    _head_bytes = 0
    _timer: asyncio.TimerHandle | None = None
    _limit_s = IDLE_S
    _came_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a head."""
        super().connection_made(transport)  # type: ignore[arg-type]  # as asyncio calls it
        self._wait(IDLE_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of the client."""
        began_in_head = self._is_in_head
        if began_in_head:
            room = HEAD_BYTES - self._head_bytes
            rest, data = data[room:], data[:room]
            is_first = not self._head_bytes
            self._head_bytes += len(data)
            super().data_received(data)
            if self._is_in_head and self._head_bytes >= HEAD_BYTES:
                self._refuse(431)
                return
            if self._is_in_head and is_first:
                self._wait(HEAD_S)
            if rest and not self.transport.is_closing():
                super().data_received(rest)
        else:
            super().data_received(data)
        if self._is_whole or self._is_upgraded:
            self._stop_waiting()
        elif not self._is_in_head:
            self._came_s = self.loop.time()
            if self._timer is None or self._limit_s != IDLE_S:
                self._wait(IDLE_S)

    def on_message_begin(self) -> None:
        """A head begins."""
        self._is_in_head, self._is_whole = True, False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A head is complete."""
        self._is_in_head, self._head_bytes = False, 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """A request is complete; the next byte begins another head."""
        self._is_in_head, self._is_whole = True, True
        super().on_message_complete()

    def _wait(self, limit_s: float) -> None:
        self._stop_waiting()
        self._limit_s, self._came_s = limit_s, self.loop.time()
        self._timer = self.loop.call_later(limit_s, self._waited)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def handle_websocket_upgrade(self) -> None:
        """The connection is another protocol's from here on."""
        self._is_upgraded = True
        super().handle_websocket_upgrade()

    def _waited(self) -> None:
        """Nothing has come for long; but while an answer runs, or we do not read, nothing has to."""
        self._timer = None
        if self.transport.is_closing():
            return
        cycle: RequestResponseCycle | None = self.cycle  # None until the first head is complete
        is_answering = cycle is not None and cycle.response_started and not cycle.response_complete
        if is_answering or self.flow.read_paused:
            self._came_s = self.loop.time()
        left_s = self._came_s + self._limit_s - self.loop.time()
        if left_s > 0:
            self._timer = self.loop.call_later(left_s, self._waited)
        elif self._is_in_head and not self._head_bytes:
            self.transport.close()
        else:
            self._refuse(408)

    def _refuse(self, status: int) -> None:
        """Answer, unless this request has an answer, or the one before is being answered, and close."""
        cycle: RequestResponseCycle | None = self.cycle
        is_free = cycle is None or cycle.response_complete
        if is_free if self._is_in_head else not (cycle and cycle.response_started):
            self.transport.write(
                STATUS_LINE[status] + b"content-length: 0\r\nconnection: close\r\n\r\n"
            )
        self._stop_waiting()
        self.transport.close()
