"""A body that is too large is refused at its announcement; one with too much text is relayed as it comes."""

import asyncio
import base64
import json
import threading
from functools import partial
from typing import Any

import pytest

from tests.fakes.raw_client import exchange, raw_client
from tests.fakes.running_proxy import Backend, running_proxy, until
from tests.security.hostile import CHAT, HANG_S, OK, post
from warmprefix.aside import Aside
from warmprefix.core.memory.ledger import node_id
from warmprefix.server.incoming import text_bytes

TEXT: dict[str, Any] = {"canonicalize": {"max_bytes": 50_000}}
WORDS = json.dumps({"messages": [{"role": "user", "content": "some words " * 10_000}]})
PICTURE = base64.b64encode(bytes(range(256)) * 600).decode()
PARTS = [
    {"type": "text", "text": "Look at this."},
    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}},
]
SHOWN = json.dumps({"messages": [{"role": "user", "content": PARTS}]})


@pytest.mark.parametrize("more", [b"", b"Expect: 100-continue"])
async def test_what_is_announced_as_too_large_is_refused_before_it_comes(more: bytes) -> None:
    lines = [b"Content-Length: 1073741824", *([more] if more else [])]
    async with (
        asyncio.timeout(HANG_S),
        Backend(otherwise=OK) as backend,
        running_proxy(backend.url) as proxy,
        raw_client(proxy.url) as client,
    ):
        await client.send(post(CHAT, *lines))
        answer = await client.answer()
        assert await client.ended()

    assert (answer.status, answer.interim) == (413, [])
    assert backend.requests == []


async def test_a_client_that_sends_at_full_speed_gets_the_answer_all_the_same() -> None:
    """None of it fits into the sockets, so a connection closed meanwhile would be reset."""
    body = bytes(64 * 1024 * 1024)
    async with (
        asyncio.timeout(HANG_S),
        Backend(otherwise=OK) as backend,
        running_proxy(backend.url, server={"max_body_bytes": 1000}) as proxy,
        raw_client(proxy.url) as client,
    ):
        await client.send(post(CHAT, b"Content-Length: %d" % len(body)))
        await client.send(body)
        answer = await client.answer()
        assert await client.ended()

    assert answer.status == 413
    assert backend.requests == []


async def sent(body: str, *headers: tuple[str, str], **settings: Any) -> tuple[bytes, Any]:
    """The body that reached the backend, and the turn's line."""
    async with (
        asyncio.timeout(HANG_S),
        Backend(otherwise=OK) as backend,
        running_proxy(backend.url, **{**TEXT, **settings}) as proxy,
    ):
        answer = await exchange(proxy.url, "POST", CHAT, body.encode(), headers)
        line = await proxy.record()
    (request,) = backend.requests
    assert answer.status == 200
    assert request.header("content-length") == str(len(request.body))
    return request.body, line


async def test_too_much_text_is_relayed_byte_for_byte_and_the_log_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    body, line = await sent(WORDS)

    assert body == WORDS.encode()
    assert line["failed_open"] == ["too-long"]
    assert line["prompt_tokens"] == 3  # the reply is read
    assert "canonicalize.max_bytes" in caplog.text


async def test_a_picture_is_no_text() -> None:
    _, line = await sent(SHOWN)

    assert len(SHOWN) > 4 * 50_000
    assert line["failed_open"] is None


async def test_a_client_that_leaves_inside_its_body_is_said_to_have_left() -> None:
    async with (
        asyncio.timeout(HANG_S),
        Backend(otherwise=OK) as backend,
        running_proxy(backend.url, **TEXT) as proxy,
    ):
        async with raw_client(proxy.url) as client:
            await client.send(post(CHAT, b"Content-Length: %d" % len(WORDS)))
            await client.send(WORDS.encode()[:80_000])
            await until(lambda: backend.connections > 0)
        line = await proxy.record()

    assert line["outcome"] == "client_gone"


async def test_what_the_ledger_gets_of_a_large_body_is_digested_in_the_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only the reply is left for the event loop."""
    threads: list[str] = []

    def noted(*args: Any) -> bytes:
        threads.append(threading.current_thread().name.partition("_")[0])
        return node_id(*args)

    monkeypatch.setattr("warmprefix.server.app.Aside", partial(Aside, 0))
    monkeypatch.setattr("warmprefix.pipeline.entries.node_id", noted)
    await sent(SHOWN)

    assert threads == ["aside", "MainThread"]


@pytest.mark.parametrize(
    ("piece", "counted"),
    [
        (b"", 0),
        (b"a b", 3),
        (b"a" * 10_000, 0),
        (b'"' + b"a" * 9_999, 4096),
        (b"a" * 8_192 + b" ", 1),
    ],
)
def test_what_has_no_blank_and_no_quote_is_no_text(piece: bytes, counted: int) -> None:
    assert text_bytes(piece) == counted
