"""The HTTP client for questions to a backend. It ignores the environment, and takes no more of an answer than
it can hold.
"""

import asyncio
import errno
import os
import socket
import ssl

import httpx

from warmprefix.backends.trust import tls_failure, trust

_WITHOUT_TEXT = {
    "ConnectTimeout": "no connection in time",
    "ReadTimeout": "no answer in time",
    "WriteTimeout": "it takes nothing",
}


MOST_BYTES = 64 * 1024 * 1024
"""The longest answer that is read: a rendered prompt is as long as the prompt."""


def reason_of(error: Exception) -> str:
    """Why no answer came, in the system's words if it has any: httpx says no more than that all attempts
    failed."""
    if (of_tls := tls_failure(error)) is not None:
        return of_tls
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno is not None:
            is_of_system = cause.errno in errno.errorcode and not isinstance(cause, socket.gaierror)
            return os.strerror(cause.errno) if is_of_system else str(cause.strerror)
        cause = cause.__cause__ or cause.__context__
    return str(error) or _WITHOUT_TEXT.get(type(error).__name__, "the connection broke")


_CONNECTS = "connection.connect_tcp.started"
"""What httpcore says when it opens a connection (https://www.encode.io/httpcore/extensions/, "trace")."""


class _Bounded(httpx.AsyncHTTPTransport):
    """Reads the whole answer, but no more than `MOST_BYTES` and no longer than the question may take.

    Nothing is asked for in a compressed form, and nothing that comes in one is unpacked: a megabyte may become
    a gigabyte.
    """

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, whole. Raises httpx.HTTPError."""
        limits: dict[str, float | None] = request.extensions.get("timeout", {})
        try:
            async with asyncio.timeout(limits.get("read")):
                answer = await self._asked(request)
                try:
                    body = await _whole(answer)
                finally:
                    await answer.aclose()
        except TimeoutError as error:
            raise httpx.ReadTimeout("the answer takes too long", request=request) from error
        headers = [
            (name, value)
            for name, value in answer.headers.raw
            if name.lower() not in (b"content-encoding", b"transfer-encoding")
        ]
        return httpx.Response(
            answer.status_code, headers=headers, content=body, extensions=answer.extensions
        )

    async def _asked(self, request: httpx.Request) -> httpx.Response:
        """The beginning of the answer. What only reads is asked once more if it went to a kept connection that
        breaks: llama-server closes one unannounced after a stream."""
        is_kept = True

        async def trace(event: str, _: object) -> None:
            nonlocal is_kept
            is_kept = is_kept and event != _CONNECTS

        request.extensions["trace"] = trace
        try:
            return await super().handle_async_request(request)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            if request.method != "GET" or not is_kept:
                raise
        return await super().handle_async_request(request)


async def _whole(answer: httpx.Response) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in answer.aiter_raw():
        size += len(piece)
        if size > MOST_BYTES:
            raise httpx.ReadError(f"the answer is over {MOST_BYTES} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def new_client(
    limit_s: float = 5.0, auth: httpx.Auth | None = None, trusted: ssl.SSLContext | None = None
) -> httpx.AsyncClient:
    """A client whose answers may take `limit_s` if a question sets no limit of its own.

    `trusted`: the certificates for its backend (trust.py); without them it asks no address with TLS.
    """
    return httpx.AsyncClient(
        transport=_Bounded(verify=trusted or trust("")),
        trust_env=False,
        timeout=limit_s,
        auth=auth,
        headers={"Accept-Encoding": "identity"},
    )
