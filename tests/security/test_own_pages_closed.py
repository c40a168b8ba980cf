"""Our own pages: shut to foreign host names, to foreign origins, and to those without the key."""

import ast
import inspect

import pytest

from tests.fakes.raw_client import Answer, exchange, raw_client, request_bytes
from tests.fakes.running_proxy import Backend, running_proxy
from tests.security.hostile import BODY, CHAT, OK, deliver
from warmprefix.server import access

NO_BACKEND = "http://127.0.0.1:1"
KEY = "k3y-with-a-length-of-its-own"
PAGES = [
    "/warmprefix/",
    "/warmprefix/health",
    "/warmprefix/ready",
    "/warmprefix/metrics",
    "/warmprefix/openapi.json",
    "/warmprefix/api/turns",
    "/warmprefix/api/turns/0123",
    "/warmprefix/api/conversations",
    "/warmprefix/nothing",
]
HOSTS = [
    "evil.example",
    "localhost.",
    "localhost.evil.example",
    "127.0.0.1.nip.example",
    "localhost:80@evil.example",
    "evil.example#localhost",
    "evil.example,localhost",
    "localhost,evil.example",
    "local host",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0.0.0.0",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::1].evil.example",
    "localhost:8484:8484",
    "localhost:",
    "*",
    "ｌｏｃａｌｈｏｓｔ".encode().decode("latin-1"),
]


@pytest.mark.parametrize("host", HOSTS, ids=range(len(HOSTS)))
async def test_no_page_answers_under_a_name_that_is_not_this_machines(host: str) -> None:
    statuses: set[int] = set()
    async with running_proxy(NO_BACKEND) as proxy:
        for page in PAGES:
            async with raw_client(proxy.url) as client:
                await client.send(request_bytes("GET", page, host=host))
                statuses.add((await client.answer()).status)

    assert statuses <= {400, 421}


SMUGGLED_HOSTS = [
    ("X-Forwarded-Host", "localhost"),
    ("Forwarded", "host=localhost"),
    ("X-Host", "localhost"),
    ("X-Original-URL", "/warmprefix/health"),
    ("X-Rewrite-URL", "/warmprefix/health"),
    ("X-HTTP-Method-Override", "GET"),
    ("Host", "localhost"),
]


@pytest.mark.parametrize(("name", "value"), SMUGGLED_HOSTS)
async def test_no_other_header_speaks_for_the_host(name: str, value: str) -> None:
    async with running_proxy(NO_BACKEND) as proxy, raw_client(proxy.url) as client:
        headers = [(name, value)]
        await client.send(request_bytes("GET", PAGES[5], None, headers, host="evil.example"))
        answer = await client.answer()

    assert answer.status in (400, 421)


def allows_origins(answer: Answer) -> list[str]:
    """The headers that would let a foreign page read the answer."""
    return [name for name, _ in answer.headers if name.lower().startswith("access-control-")]


ORIGINS = ["http://evil.example", "null", "http://localhost:3000", "file://"]


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("page", PAGES)
async def test_no_page_may_be_read_by_another_origin(page: str, origin: str) -> None:
    asking = [
        ("Origin", origin),
        ("Access-Control-Request-Method", "GET"),
        ("Access-Control-Request-Headers", "authorization"),
        ("Access-Control-Request-Private-Network", "true"),
    ]
    async with running_proxy(NO_BACKEND) as proxy:
        answers = [
            await exchange(proxy.url, method, page, None, asking)
            for method in ("GET", "OPTIONS", "POST")
        ]

    assert [allows_origins(answer) for answer in answers] == [[], [], []]


@pytest.mark.parametrize("kind", ["401", "403", "421", "502", "413"])
async def test_no_error_of_ours_may_be_read_by_another_origin(kind: str) -> None:
    known: dict[str, dict[str, object]] = {"401": {"api_key": KEY}, "413": {"max_body_bytes": 1}}
    settings = known.get(kind, {})
    host = "evil.example" if kind == "421" else "localhost"
    target = "/warmprefix/metrics" if kind == "421" else CHAT
    page = "http://localhost:3000" if kind in ("502", "413") else "http://evil.example"
    origin = [("Origin", page)]
    async with (
        running_proxy(NO_BACKEND, server=settings) as proxy,
        raw_client(proxy.url) as client,
    ):
        await client.send(request_bytes("POST", target, BODY, origin, host=host))
        answer = await client.answer()

    assert answer.status == int(kind)
    assert allows_origins(answer) == []


ELSEWHERE = {
    "query-api-key": (f"?api_key={KEY}", []),
    "query-key": (f"?key={KEY}", []),
    "query-authorization": (f"?authorization=Bearer%20{KEY}", []),
    "query-access-token": (f"?access_token={KEY}", []),
    "api-key": ("", [("Api-Key", KEY)]),
    "cookie": ("", [("Cookie", f"authorization=Bearer {KEY}; api_key={KEY}")]),
    "basic": ("", [("Authorization", f"Basic {KEY}")]),
    "proxy-authorization": ("", [("Proxy-Authorization", f"Bearer {KEY}")]),
    "second-header": ("", [("Authorization", "Bearer no"), ("Authorization", f"Bearer {KEY}")]),
    "half": ("", [("Authorization", f"Bearer {KEY[:-1]}")]),
    "longer": ("", [("Authorization", f"Bearer {KEY}x")]),
    "other-case": ("", [("Authorization", f"Bearer {KEY.upper()}")]),
    "quoted": ("", [("Authorization", f'Bearer "{KEY}"')]),
    "not-ascii": ("", [("Authorization", "Bearer \xff\xfe")]),
    "two-words": ("", [("Authorization", f"Bearer {KEY} {KEY}")]),
    "override": ("", [("X-HTTP-Method-Override", "OPTIONS")]),
}


@pytest.mark.parametrize("target", [CHAT, "/v1/models", "/warmprefix/api/turns"])
@pytest.mark.parametrize(("query", "headers"), ELSEWHERE.values(), ids=ELSEWHERE)
async def test_the_key_counts_in_one_place_only(
    query: str, headers: list[tuple[str, str]], target: str
) -> None:
    async with (
        Backend(otherwise=OK) as backend,
        running_proxy(backend.url, server={"api_key": KEY}) as proxy,
    ):
        answer = await exchange(proxy.url, "POST", target + query, BODY, headers)

    assert answer.status == 401
    assert KEY.encode() not in answer.body
    assert backend.requests == []


async def test_a_websocket_needs_the_key_too() -> None:
    upgrade = (
        "GET /logs/stream?api_key={} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    seen = await deliver(upgrade.format(KEY).encode(), server={"api_key": KEY})

    assert seen.requests == []
    assert seen.statuses == [403]


def test_a_key_is_compared_by_compare_digest_alone() -> None:
    """By the tree, not the text: no comparison in `is_key` has the key on either side."""
    tree = ast.parse(inspect.getsource(access.is_key))
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    compared = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Compare)]

    assert "hmac.compare_digest" in calls
    assert not any("key" in text or "expected" in text for text in compared)
