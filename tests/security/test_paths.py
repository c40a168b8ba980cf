"""Odd spellings of a path: none opens our own pages unasked, none is tidied up on its way."""

from typing import Any

import pytest

from tests.fakes.running_proxy import Backend, running_proxy
from tests.security.hostile import BODY, CHAT, OK, Seen, deliver, talk

PAGE = "/warmprefix/api/turns"
SPELLINGS = [
    PAGE,
    "//warmprefix/api/turns",
    "/%77armprefix/api/turns",
    "/%2577armprefix/api/turns",
    "/warmprefix%2fapi%2fturns",
    "/warmprefix/../v1",
    "/warmprefix/./api/turns",
    "/warmprefix//api/turns",
    "/warmprefix/%2e%2e/warmprefix/api/turns",
    "/x/../warmprefix/api/turns",
    "/x/%2e%2e/warmprefix/metrics",
    "/x/..%2fwarmprefix/metrics",
    "/%2e/warmprefix/metrics",
    "/\\warmprefix\\api\\turns",
    "/warmprefix\\api\\turns",
    "/WARMPREFIX/api/turns",
    "/warmprefix;a=b/api/turns",
    "/warmprefix/api/turns/",
    "/warmprefix/api/turns%00",
    "/warmprefix/api/turns%20",
    "/%e2%80%8bwarmprefix/api/turns",
    "/warm%ef%bd%90refix/api/turns",
    "/warmprefix/health/../api/turns",
    "/warmprefix/health%2f..%2fapi%2fturns",
    "/warmprefix/health;/../metrics",
    "/warmprefix/health?/warmprefix/api/turns",
    "/warmprefix/openapi.json",
    "/warmprefix/metrics",
    "/warmprefix/",
    "/warmprefix",
    "http://localhost/warmprefix/api/turns",
    "http://evil.example/warmprefix/api/turns",
    "http://localhost@evil.example/warmprefix/api/turns",
]


async def ask(target: str, host: str = "localhost", **settings: Any) -> Seen:
    """What comes of one GET."""
    head = f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"
    return await deliver(head.encode(), **settings)


def is_page(seen: Seen) -> bool:
    """Whether a page of ours was shown that is not open to all."""
    marks = (b'{"turns":', b"warmprefix_turns_total", b'"openapi":', b'{"conversations":')
    return any(mark in seen.received for mark in marks)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "localhost.evil.example", ""])
@pytest.mark.parametrize("target", SPELLINGS)
async def test_no_spelling_opens_a_page_under_a_foreign_name(target: str, host: str) -> None:
    seen = await ask(target, host)

    assert not is_page(seen)
    assert len(seen.statuses) == 1


@pytest.mark.parametrize("target", SPELLINGS)
async def test_no_spelling_opens_anything_without_the_key(target: str) -> None:
    """Only health and the bare dashboard are open; everything else is 401, and nothing is forwarded."""
    seen = await ask(target, server={"api_key": "k"})
    opens = ("/warmprefix/health?/warmprefix/api/turns", "/warmprefix/", "/warmprefix")

    assert not is_page(seen)
    assert seen.requests == []
    assert set(seen.statuses) <= ({200, 308} if target in opens else {401, 400})


@pytest.mark.parametrize("target", [t for t in SPELLINGS if t.startswith("/")])
async def test_a_path_that_is_not_ours_goes_on_byte_for_byte(target: str) -> None:
    """What is ours answers itself; all else is the backend's, however it reads it."""
    seen = await ask(target)
    forwarded = [request.target for request in seen.requests]

    assert forwarded in ([], [target])
    assert bool(forwarded) is not_ours(target)


def not_ours(target: str) -> bool:
    """By the letter: `/warmprefix`, percent signs read once, and nothing resolved."""
    path = target.partition("?")[0].replace("%77", "w").replace("%2f", "/")
    return path != "/warmprefix" and not path.startswith("/warmprefix/")


CHATS = [
    "/v1/chat/completions",
    "/v1/chat/completions?x=1",
    "/v1/chat%2fcompletions",
    "/v1/%63hat/completions",
    "/v1//chat/completions",
    "//v1/chat/completions",
    "/v1/chat/completions/",
    "/v1/x/../chat/completions",
    "/v1/./chat/completions",
    "/V1/chat/completions",
    "/v1/chat/completions%00",
    "/v1/chat/completions;x",
    "/v1\\chat\\completions",
    "/warmprefix/../v1/chat/completions",
]


@pytest.mark.parametrize("target", CHATS)
async def test_around_the_chat_endpoint_there_is_only_a_passthrough(target: str) -> None:
    """A spelling that is not recognised loses our help, no more: the same bytes, the same key asked."""
    head = f"POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(BODY)}\r\n\r\n"
    open_seen = await deliver(head.encode() + BODY)
    keyed = await deliver(head.encode() + BODY, server={"api_key": "k"})

    assert keyed.requests == []
    assert set(keyed.statuses) == {401}
    if not target.startswith("/warmprefix/"):
        assert [(r.target, r.body) for r in open_seen.requests] == [(target, BODY)]


async def test_the_backend_is_always_the_one_of_the_settings() -> None:
    """No form of a target makes the proxy connect anywhere else."""
    targets = [
        "http://127.0.0.1:1/v1/models",
        "http://127.0.0.1:1@localhost/v1/models",
        "//127.0.0.1:1/v1/models",
        "/@127.0.0.1:1/v1/models",
        "/http://127.0.0.1:1/v1/models",
        "/\\127.0.0.1:1/v1/models",
    ]
    async with Backend(otherwise=OK) as backend, running_proxy(backend.url) as proxy:
        for target in targets:
            received = await talk(proxy, f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert received.startswith((b"HTTP/1.1 200", b"HTTP/1.1 400")), target
    hosts = {request.header("host") for request in backend.requests}

    assert hosts == {backend.url.removeprefix("http://")}
    assert CHAT not in {request.target for request in backend.requests}
