"""uvicorn's HTTP protocol, made to keep the body behind an offer to upgrade, and the spelling of headers.

Java's HTTP client offers `Upgrade: h2c` with every request by default. An offer may be ignored (RFC 9110, 7.8),
and llama-server ignores it; but the parser under uvicorn takes any offer for a switch and drops the body behind
it. So we remove the offer from the head before the parser sees it.

Names of headers mean the same in any case (RFC 9110, 5.1), but programs that look them up as llama-server
writes them (its own test suite does) find nothing under another spelling; uvicorn writes all in lower case.
"""

import re

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from warmprefix.server.heads import HEAD_BYTES, LimitedProtocol

_OFFER = re.compile(rb"\r\nupgrade:[ \t]*+(?!websocket[ \t]*\r\n)[^\r\n]*(?=\r\n)", re.IGNORECASE)
_METHOD = re.compile(rb"[A-Z]{3,20} ")


COMPARED = frozenset({b"content-length", b"transfer-encoding", b"connection"})
"""The names that uvicorn looks for among those of an answer."""


class SpelledName(bytes):
    """Any other name, which uvicorn writes as it is."""

    lower = bytes.__bytes__


class HeaderName(bytes):
    """A name that uvicorn writes as it is, and finds equal to the same in lower case."""

    def lower(self) -> bytes:
        """What uvicorn writes, and compares with names in lower case."""
        return self

    def __eq__(self, other: object) -> bool:
        """Whether `other` is this name in lower case."""
        return super().lower() == other

    def __ne__(self, other: object) -> bool:
        """Whether it is not; `bytes` has an answer of its own."""
        return not self == other

    def __hash__(self) -> int:
        """That of the name in lower case."""
        return hash(super().lower())


class Protocol(LimitedProtocol):
    """uvicorn's, without any offer but WebSocket."""

    def data_received(self, data: bytes) -> None:
        """Bytes of the client. Only the head of a request can contain an offer."""
        if self._is_between_requests() and _METHOD.match(data):
            end = data.find(b"\r\n\r\n", 0, HEAD_BYTES)
            if end >= 0 and _OFFER.search(data, 0, end + 2):
                data = _OFFER.sub(b"", data[: end + 2]) + data[end + 2 :]
        super().data_received(data)

    def _is_between_requests(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # None until the first head is complete
        return cycle is None or cycle.response_complete
