"""The HTTP client for questions to a backend. It ignores the environment, and takes no more of an answer than
it can hold.
"""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from math import inf
from typing import Any, Self

import aiohttp
import httpx
import orjson
from yarl import URL

from warmprefix.backends.answers import Answer
from warmprefix.backends.base import Headers
from warmprefix.backends.connection import multidict, outgoing, session
from warmprefix.backends.key import BackendKey
from warmprefix.backends.pool import Pool, went_stale
from warmprefix.backends.trust import trust
from warmprefix.core.errors import BackendError

_KEPT_S = 5.0
"""How long a connection waits for the next question: llama-server closes one after as long."""


MOST_BYTES = 64 * 1024 * 1024
"""The longest answer that is read: a rendered prompt is as long as the prompt."""


class Asker:
    """Asks over connections like those of relayed requests (pool.py): a question costs a fifth of what httpx
    needs, and each turn may end with two. Its errors are httpx's. Reads the whole answer, but no more than
    `MOST_BYTES` and no longer than the question may take.

    Nothing is asked for in a compressed form, nothing that comes in one is unpacked (a megabyte may become a
    gigabyte), and no redirect is followed: a key would go wherever the backend says.
    """

    def __init__(
        self,
        limit_s: float = 5.0,
        key: BackendKey | None = None,
        trusted: ssl.SSLContext | None = None,
    ) -> None:
        """`limit_s`: for answers to questions that set no limit of their own. `key`: added to what goes to its
        backend. `trusted`: the certificates for its backend (trust.py); without them no address with TLS can be
        asked."""
        self._limit_s = limit_s
        self.headers: Headers = [
            (b"Accept-Encoding", b"identity"),
            (b"User-Agent", b"warmprefix"),
        ]
        """Sent with every question."""
        self._key = key
        self._trusted = trusted or trust("")
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._is_closed = False

    async def __aenter__(self) -> Self:
        """Itself; its connections are closed with the block."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close every connection."""
        await self.close()

    async def get(self, url: str, limit_s: float | None = None) -> Answer:
        """The answer to GET, whole. It is asked for once more if it went to a kept connection that breaks:
        llama-server closes one unannounced after a stream. Raises httpx.HTTPError."""
        return await self._ask("GET", url, [], None, limit_s)

    async def post(self, url: str, body: object, limit_s: float | None = None) -> Answer:
        """The answer to POST, whole. `body`: JSON as bytes, or a value; `limit_s`: may be infinite. Raises
        httpx.HTTPError."""
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        headers = [
            (b"Content-Type", b"application/json"),
            (b"Content-Length", b"%d" % len(content)),
        ]
        return await self._ask("POST", url, headers, content, limit_s)

    async def _ask(
        self, method: str, url: str, headers: Headers, body: bytes | None, limit_s: float | None
    ) -> Answer:
        limit_s = self._limit_s if limit_s is None else limit_s
        with _translated():
            own = [] if self._key is None else self._key.for_question(url)
            send = partial(
                self._send,
                method=method,
                url=URL(url, encoded=True),
                headers=multidict([*self.headers, *headers, *own]),
                data=outgoing(body, headers),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(None, sock_connect=min(limit_s, self._limit_s)),
            )
            async with asyncio.timeout(None if limit_s == inf else limit_s):
                try:
                    return await send(self._session(keeps=True))
                except (aiohttp.ClientError, BackendError):
                    if method != "GET" or not went_stale():
                        raise
                return await send(self._session(keeps=False))

    async def _send(self, session: aiohttp.ClientSession, **request: Any) -> Answer:
        async with session.request(**request) as answer:
            return Answer(answer.status, answer.headers, await _whole(answer))

    def _session(self, *, keeps: bool) -> aiohttp.ClientSession:
        """Its connections. They belong to the event loop that runs at the first question."""
        if self._is_closed:
            raise httpx.ConnectError("nothing more is asked")
        found = self._sessions.get(keeps)
        if found is None:
            pool = Pool(_KEPT_S if keeps else 0, self._trusted, keeps=keeps)
            found = self._sessions[keeps] = session(pool, None)
        return found

    async def close(self) -> None:
        """Close every connection, and ask nothing more."""
        self._is_closed = True
        while self._sessions:
            await self._sessions.popitem()[1].close()


@contextmanager
def _translated() -> Iterator[None]:
    """aiohttp's exceptions as httpx's, most specific first."""
    try:
        yield
    except aiohttp.ConnectionTimeoutError as error:
        raise httpx.ConnectTimeout("") from error
    except aiohttp.ClientConnectorError as error:
        raise httpx.ConnectError(str(error)) from error
    except (aiohttp.ClientError, ConnectionError, BackendError) as error:
        raise httpx.RemoteProtocolError(str(error)) from error
    except ValueError as error:
        raise httpx.UnsupportedProtocol(f"no address: {error}") from error
    except TimeoutError as error:
        raise httpx.ReadTimeout("the answer takes too long") from error


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while piece := await answer.content.readany():
        size += len(piece)
        if size > MOST_BYTES:
            raise httpx.ReadError(f"the answer is over {MOST_BYTES} bytes")
        pieces.append(piece)
    return b"".join(pieces)
