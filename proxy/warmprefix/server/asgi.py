"""Names for the objects of ASGI (https://asgi.readthedocs.io/en/latest/specs/www.html)."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from warmprefix.backends.base import Headers

Scope = MutableMapping[str, Any]
AsgiMessage = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[AsgiMessage]]
Send = Callable[[AsgiMessage], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]
BeforeEnd = Callable[[], Awaitable[None]]


def target_of(scope: Scope) -> bytes:
    """Path and query exactly as the client wrote them."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope.get("query_string", b"")
    return path + b"?" + query if query else path


def first_values(scope: Scope) -> Mapping[bytes, bytes]:
    """The first value of each header, by its name in lower case."""
    return dict(reversed(scope["headers"]))


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first value of a header; `name` in lower case."""
    headers: Headers = scope["headers"]
    return next((value for key, value in headers if key == name), None)


async def answer(
    send: Send,
    status: int,
    headers: Headers,
    body: bytes,
    before_end: BeforeEnd | None = None,
) -> None:
    """A whole answer of our own. `before_end`: is awaited when the client has all of it, and before the web
    server may close the connection."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    if before_end is not None:
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await before_end()
        body = b""
    await send({"type": "http.response.body", "body": body})
