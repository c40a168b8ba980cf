"""The connections to a backend: bytes out, status, headers and bytes back, as they are.

aiohttp, not httpx: a relayed request costs half the time alone and a ninth under load (bench/README.md), and it
also speaks WebSocket. Questions go over connections of the same kind (client.py).
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import aiohttp
from multidict import CIMultiDict
from typing_extensions import TypeIs
from yarl import URL

from warmprefix.backends.base import Body, Headers, end_to_end
from warmprefix.backends.pool import Flooded, Pool, went_stale
from warmprefix.backends.reasons import reason_of
from warmprefix.backends.trust import distrusted, trust
from warmprefix.backends.websocket import MOST_MESSAGE_BYTES, BackendSocket
from warmprefix.core.errors import Disconnected, RefusedUpgrade, TimedOut, Unreachable

_MAX_HEADER_BYTES = 65536  # llama-server's headers are short; cookies of a gateway may not be
_HANDSHAKE = frozenset(
    f"sec-websocket-{name}".encode()
    for name in ("key", "version", "extensions", "protocol", "accept")
)
_LARGE_BYTES = 1024 * 1024  # aiohttp warns that writing more at once blocks the event loop
_AUTOMATIC = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


@contextmanager
def translated(url: str) -> Iterator[None]:
    """aiohttp's exceptions as ours, most specific first."""
    try:
        yield
    except aiohttp.ConnectionTimeoutError as error:
        limit = "within backend.connect_timeout_s"
        raise Unreachable(f"cannot connect to {url}: no connection {limit}") from error
    except aiohttp.ClientSSLError as error:
        raise distrusted(url, error) or Unreachable(f"cannot connect to {url}: no TLS") from error
    except aiohttp.ClientConnectorError as error:
        raise Unreachable(f"cannot connect to {url}: {reason_of(error.os_error)}") from error
    except (aiohttp.ClientError, ConnectionError) as error:
        raise _disconnected(url, error) from error
    except TimeoutError as error:
        raise TimedOut(f"{url} did not answer in time") from error


async def sent_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending GET, PUT or DELETE again when the connection breaks off.

    By then the backend may have acted on it. `Connections.open` decides what is sent again.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _disconnected(str(request.url.origin()), error) from error


def _disconnected(url: str, error: Exception) -> Disconnected:
    """What an error during a request means. aiohttp's words for it have Python's notation in them."""
    match error:
        case aiohttp.ServerDisconnectedError():
            why = "no answer"
        case Flooded():
            return Disconnected(f"{url} does not come to its answer: {error}")
        case aiohttp.ClientPayloadError():
            why = "in the middle of its answer"
        case aiohttp.ClientResponseError():
            return Disconnected(
                f"{url} did not answer in HTTP: {_NOTATION.split(error.message)[0]}"
            )
        case _:
            why = reason_of(error)
    return Disconnected(f"{url} closed the connection: {why}")


_NOTATION = re.compile(r":?(?:\n| when reading)")
"""From here on aiohttp shows the bytes that it has read."""


class BackendResponse:
    """An answer whose head has arrived."""

    def __init__(self, response: aiohttp.ClientResponse, url: str) -> None:
        self._response = response
        self._url = url
        self.status = response.status
        self.headers: Headers = end_to_end(list(response.raw_headers))
        connection = response.connection
        protocol = connection.protocol if connection is not None else None
        self._closed = protocol.closed if protocol is not None else None
        if self._closed is not None:
            self._closed.add_done_callback(self._lost)

    def _lost(self, closed: "asyncio.Future[None]") -> None:
        """End the body with the connection: aiohttp 3.14 waits forever after a broken chunk size."""
        cause = closed.exception()
        body = self._response.content
        if not body.is_eof() and body.exception() is None:
            body.set_exception(aiohttp.ClientPayloadError(f"broken framing: {cause or 'closed'}"))

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it arrives, undecoded. Raises Disconnected if it ends too early."""
        with translated(self._url):
            while piece := await self._response.content.readany():
                yield piece

    def close(self) -> None:
        """Close the connection, unless the whole answer was read: then it is already back in the pool."""
        self._response.close()
        if self._closed is not None:  # otherwise a kept connection would keep every answer
            self._closed.remove_done_callback(self._lost)


class Connections:
    """The connections to one backend. `url` has no trailing slash and may have a path."""

    def __init__(
        self,
        url: str,
        connect_timeout_s: float,
        first_byte_timeout_s: float,
        idle_s: float,
        trusted: ssl.SSLContext | None = None,
    ) -> None:
        """`trusted`: its certificates (trust.py); without them no address with TLS can be reached."""
        self.url = url
        self._first_byte_timeout_s = first_byte_timeout_s or None
        trusted = trusted or trust("")
        self._kept = session(Pool(idle_s, trusted), connect_timeout_s)
        self._new = session(Pool(0, trusted, keeps=False), connect_timeout_s)

    async def open(
        self, method: str, target: bytes, headers: Headers, body: Body
    ) -> BackendResponse:
        """Send a request and wait for the head of the answer.

        `target` is path and query exactly as the client wrote them. A request whose kept connection broke
        before anything came back is sent once more on a new one, whatever its method: the backend had closed
        the connection. If a new connection breaks, nothing is repeated: the backend may have acted on the
        request. A body that comes in pieces can be sent only once, so it always gets a new connection. Raises
        Unreachable if the backend cannot have read anything, TimedOut or Disconnected.
        """
        with translated(self.url):
            async with asyncio.timeout(self._first_byte_timeout_s):
                if not isinstance(body, bytes | None):
                    return await self._send(self._new, method, target, headers, body)
                try:
                    return await self._send(self._kept, method, target, headers, body)
                except Exception:
                    if not went_stale():
                        raise
                try:
                    return await self._send(self._new, method, target, headers, body)
                except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
                    # The request may have ended it, so it must not be sent to another backend.
                    raise Disconnected(f"{self.url} closed the connection and is gone") from error

    async def _send(
        self,
        session: aiohttp.ClientSession,
        method: str,
        target: bytes,
        headers: Headers,
        body: Body,
    ) -> BackendResponse:
        response = await session.request(
            method,
            self._address(target),
            headers=multidict(_with_length(headers, body)),
            data=outgoing(body, headers),
            allow_redirects=False,
        )
        return BackendResponse(response, self.url)

    async def websocket(
        self, target: bytes, headers: Headers, protocols: tuple[str, ...]
    ) -> BackendSocket:
        """Open a WebSocket for messages of up to MOST_MESSAGE_BYTES.

        Raises RefusedUpgrade or another BackendError.
        """
        kept = [(key, value) for key, value in headers if key.lower() not in _HANDSHAKE]
        try:
            with translated(self.url):
                return BackendSocket(
                    await self._new.ws_connect(
                        self._address(target),
                        headers=multidict(kept),
                        protocols=protocols,
                        max_msg_size=MOST_MESSAGE_BYTES,
                    )
                )
        except Disconnected as error:
            if isinstance(cause := error.__cause__, aiohttp.WSServerHandshakeError):
                raise RefusedUpgrade(cause.status) from error
            raise

    def _address(self, target: bytes) -> URL:
        slash = "" if target.startswith(b"/") else "/"  # `OPTIONS *` has no path
        return URL(self.url + slash + target.decode("latin-1"), encoded=True)

    async def close(self) -> None:
        """Close every connection."""
        await self._kept.close()
        await self._new.close()


def session(pool: Pool, connect_timeout_s: float | None) -> aiohttp.ClientSession:
    """What asks over the connections of a pool: as it is told, and nothing by itself."""
    return aiohttp.ClientSession(
        connector=pool,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout_s),
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=_AUTOMATIC,
        auto_decompress=False,
        middlewares=(sent_once,),
        max_line_size=_MAX_HEADER_BYTES,
        max_field_size=_MAX_HEADER_BYTES,
    )


def _is_large(body: Body) -> TypeIs[bytes]:
    return isinstance(body, bytes) and len(body) > _LARGE_BYTES


def _with_length(headers: Headers, body: Body) -> Headers:
    if not _is_large(body):
        return headers
    return [*headers, (b"Content-Length", str(len(body)).encode())]


def outgoing(body: Body, headers: Headers) -> Body:
    """A body as aiohttp takes it: a large one in pieces."""
    if isinstance(body, bytes | None):
        return _in_pieces(body) if _is_large(body) else body
    lengths = (value for key, value in headers if key.lower() == b"content-length")
    length = next(lengths, None)
    return body if length is None else _whole(body, int(length))


async def _whole(body: AsyncIterator[bytes], length: int) -> AsyncIterator[bytes]:
    """A streamed body that fails if it is shorter than announced (an upgrade that the web server does not know
    loses its body). Otherwise the next request on that connection would be read as the rest.
    """
    sent = 0
    async for piece in body:
        sent += len(piece)
        yield piece
    if sent < length:
        raise aiohttp.ClientPayloadError(f"{sent} of {length} bytes of the request came")


async def _in_pieces(body: bytes) -> AsyncIterator[bytes]:
    """A large body in pieces, so that other streams can go on while it is copied."""
    view = memoryview(body)
    for start in range(0, len(body), _LARGE_BYTES // 4):
        yield bytes(view[start : start + _LARGE_BYTES // 4])


def multidict(headers: Headers) -> CIMultiDict[str]:
    """Headers without blanks around their values: these are not part of a value (RFC 9112, 5), and aiohttp
    refuses a `Content-Length` with blanks."""
    return CIMultiDict((_text(key), _text(value.strip(b" \t"))) for key, value in headers)


def _text(raw: bytes) -> str:
    """A text that aiohttp, which writes headers as UTF-8, turns back into `raw`, if there is one."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
