"""Headers and bodies between client and backend, both ways, as they are."""

from warmprefix.backends.base import Headers, Response, end_to_end
from warmprefix.server.asgi import Scope, Send

_OURS = frozenset({b"host", b"content-length", b"expect"})
"""Written anew for the backend's connection; the web server has already answered `Expect`."""


def request_headers(scope: Scope, drop: frozenset[bytes] = frozenset()) -> Headers:
    """The client's end-to-end headers."""
    return [
        (key, value)
        for key, value in end_to_end(scope["headers"])
        if key not in _OURS and key not in drop
    ]


async def send_head(
    send: Send, response: Response, *, is_changed: bool = False, length: int | None = None
) -> None:
    """Status and headers of the backend's answer. `is_changed`: the body may have another length than
    they say; `length` is that length, where it is known."""
    headers = [(key.lower(), value) for key, value in response.headers]
    # A 304 names the length of what it leaves out, and uvicorn would insist on that many bytes.
    if is_changed or response.status == 304:
        headers = [(key, value) for key, value in headers if key != b"content-length"]
    if length is not None:
        headers.append((b"content-length", str(length).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})


async def send_piece(send: Send, piece: bytes) -> None:
    """A piece of the body."""
    await send({"type": "http.response.body", "body": piece, "more_body": True})


async def send_end(send: Send) -> None:
    """The end of the body."""
    await send({"type": "http.response.body", "body": b"", "more_body": False})
