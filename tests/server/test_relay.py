"""Which headers pass between client and backend."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from warmprefix.backends.base import Headers
from warmprefix.server.asgi import AsgiMessage, Scope
from warmprefix.server.relay import request_headers, send_end, send_head, send_piece

A, B = (b"a", b"1"), (b"b", b"2")
LENGTH = (b"content-length", b"9")

PASSED: list[tuple[str, Headers, frozenset[bytes], Headers]] = [
    ("all", [A, B, A], frozenset(), [A, B, A]),
    ("ours", [(b"host", b"h"), A, LENGTH, (b"expect", b"100-continue")], frozenset(), [A]),
    ("of-the-connection", [(b"connection", b"b"), A, B, (b"te", b"x")], frozenset(), [A]),
    ("dropped-by-name", [A, B], frozenset({b"a"}), [B]),
]


@pytest.mark.parametrize(
    ("given", "drop", "passed"), [row[1:] for row in PASSED], ids=[row[0] for row in PASSED]
)
def test_a_clients_headers_go_to_the_backend(
    given: Headers, drop: frozenset[bytes], passed: Headers
) -> None:
    scope: Scope = {"headers": given}

    assert request_headers(scope, drop) == passed


@dataclass
class Told:
    """An answer of a backend whose head has come."""

    status: int
    headers: Headers = field(default_factory=list)

    def pieces(self) -> AsyncIterator[bytes]:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing is open."""


HEADS: list[tuple[str, Told, bool, int | None, Headers]] = [
    ("as-it-is", Told(200, [(b"A", b"1"), LENGTH]), False, None, [(b"A", b"1"), LENGTH]),
    ("changed", Told(200, [A, (b"Content-Length", b"9")]), True, None, [A]),
    ("changed-to-a-length", Told(200, [A, LENGTH]), True, 7, [A, (b"content-length", b"7")]),
    ("not-modified", Told(304, [A, LENGTH]), False, None, [A]),
    ("error", Told(500, [LENGTH]), False, None, [LENGTH]),
]


@pytest.mark.parametrize(
    ("told", "is_changed", "length", "headers"),
    [row[1:] for row in HEADS],
    ids=[row[0] for row in HEADS],
)
async def test_the_head_of_an_answer_says_what_will_come(
    told: Told, is_changed: bool, length: int | None, headers: Headers
) -> None:
    sent: list[AsgiMessage] = []

    async def send(message: AsgiMessage) -> None:
        sent.append(message)

    await send_head(send, told, is_changed=is_changed, length=length)
    await send_piece(send, b"x")
    await send_end(send)

    assert sent == [
        {"type": "http.response.start", "status": told.status, "headers": headers},
        {"type": "http.response.body", "body": b"x", "more_body": True},
        {"type": "http.response.body", "body": b"", "more_body": False},
    ]
