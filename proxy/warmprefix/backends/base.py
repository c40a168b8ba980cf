"""What a backend is to the rest of the proxy."""

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from warmprefix.core.types import RawJson
from warmprefix.dialects.base import Request

Headers = list[tuple[bytes, bytes]]
Body = bytes | AsyncIterator[bytes] | None

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Headers of one connection, not of the message (RFC 9110, 7.6.1)."""


def end_to_end(headers: Headers) -> Headers:
    """`headers` without those of the connection, named in it or by the standard."""
    named = {
        name.strip().lower()
        for key, value in headers
        if key.lower() == b"connection"
        for name in value.split(b",")
    }
    dropped = HOP_BY_HOP | named
    return [(key, value) for key, value in headers if key.lower() not in dropped]


class Response(Protocol):
    """An answer whose head has arrived. `headers` are end-to-end ones, as received."""

    status: int
    headers: Headers

    def pieces(self) -> AsyncIterator[bytes]:
        """The body as it arrives, undecoded. Raises BackendError when it ends too early."""
        ...

    def close(self) -> None:
        """Close the connection now, unless the answer has been read to its end."""
        ...


class Kind(Protocol):
    """What one kind of backend wants done differently."""

    name: str

    def headers(self, headers: Headers) -> Headers:
        """The client's headers as this backend should get them."""
        ...

    def options(self, request: Request) -> Mapping[str, RawJson | None]:
        """Top-level members to replace in a chat request, or with None to drop."""
        ...
