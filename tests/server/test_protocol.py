"""An offer to speak another protocol costs no body, and names of headers keep their spelling.

tests/server/test_uploads.py sends an offer as Java does; tests/server/test_headers.py looks at names on the
wire.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.fakes.raw_client import RawClient, raw_client
from tests.fakes.running_proxy import Backend, RunningProxy, running_proxy, until
from tests.fakes.scripted_replies import json_response
from warmprefix.server.protocol import HeaderName

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


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[RunningProxy, Backend, RawClient]]:
    answer = json_response({"data": []})
    async with (
        Backend(otherwise=answer) as backend,
        running_proxy(backend.url) as proxy,
        raw_client(proxy.url) as client,
        asyncio.timeout(10),
    ):
        yield proxy, backend, client


@pytest.mark.parametrize("head", [row[1] for row in HEADS], ids=[row[0] for row in HEADS])
async def test_a_body_behind_an_offer_arrives(head: bytes) -> None:
    async with connected() as (_, backend, client):
        await client.send(FIRST + head + b"\r\n" + BODY)
        answer = await client.answer()

    assert answer.status == 200
    assert [request.body for request in backend.requests] == [BODY]


async def test_an_offer_within_a_body_is_part_of_it() -> None:
    body = b"POST x\r\nUpgrade: h2c\r\n\r\n"
    async with connected() as (proxy, backend, client):
        await client.send(FIRST + b"Content-Length: %d\r\n\r\n" % len(body))
        await until(lambda: bool(proxy.server.server_state.tasks))  # the body is another arrival
        await client.send(body)
        await client.answer()

    assert [request.body for request in backend.requests] == [body]


async def test_the_next_request_on_the_connection_may_offer_too() -> None:
    async with connected() as (_, backend, client):
        for _ in range(2):
            await client.send(FIRST + OFFER + LENGTH + b"\r\n" + BODY)
            await client.answer()

    assert [request.body for request in backend.requests] == [BODY, BODY]


def test_a_name_is_itself_and_equal_to_the_same_in_lower_case() -> None:
    name = HeaderName(b"X-Request-Id")

    assert b"".join([name.lower(), b": 1"]) == b"X-Request-Id: 1"
    assert name == b"x-request-id"
    assert name in {b"x-request-id"}
    assert name != b"x-request"
    assert not name != b"x-request-id"  # noqa: SIM202  # `!=` is what is tried
