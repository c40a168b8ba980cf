"""An offer to speak another protocol costs no body. tests/server/test_uploads.py sends one as Java does."""

import asyncio
from urllib.parse import urlsplit

import pytest

from tests.fakes.running_proxy import Backend, running_proxy
from tests.fakes.scripted_replies import json_response

BODY = b'{"input":"x"}'
FIRST = b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n"

HEADS: list[tuple[str, bytes]] = [
    ("no-offer", LENGTH),
    ("offer", OFFER + LENGTH),
    ("offer-behind", LENGTH + OFFER),
    ("any-case", LENGTH + b"Connection: upgrade\r\nUPGRADE:\tH2C\r\n"),
    ("no-blank", LENGTH + b"Connection: upgrade\r\nupgrade:h2c\r\n"),
    ("two-offers", LENGTH + OFFER + b"Upgrade: TLS/1.0\r\n"),
    ("begins-like-a-websocket", LENGTH + b"Connection: upgrade\r\nUpgrade: websocket2\r\n"),
]


async def received(*pieces: bytes, requests: int = 1) -> list[bytes]:
    """The bodies that reach the backend, of what a client sends in these pieces."""
    answer = json_response({"data": []})
    async with Backend(otherwise=answer) as backend, running_proxy(backend.url) as proxy:
        parts = urlsplit(proxy.url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        async with asyncio.timeout(10):
            for number, piece in enumerate(pieces):
                writer.write(piece)
                await writer.drain()
                if number < len(pieces) - 1:
                    await asyncio.sleep(0.01)  # another arrival
            for _ in range(requests):
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200"), head
                await reader.readexactly(len(b'{"data":[]}'))
        writer.close()
        await writer.wait_closed()
        return [request.body for request in backend.requests]


@pytest.mark.parametrize("head", [row[1] for row in HEADS], ids=[row[0] for row in HEADS])
async def test_a_body_behind_an_offer_arrives(head: bytes) -> None:
    assert await received(FIRST + head + b"\r\n" + BODY) == [BODY]


async def test_an_offer_within_a_body_is_part_of_it() -> None:
    body = b"POST x\r\nUpgrade: h2c\r\n\r\n"
    head = FIRST + b"Content-Length: %d\r\n\r\n" % len(body)

    assert await received(head, body) == [body]


async def test_the_next_request_on_the_connection_may_offer_too() -> None:
    request = FIRST + OFFER + LENGTH + b"\r\n" + BODY

    assert await received(request, request, requests=2) == [BODY, BODY]
