"""Headers and statuses: end-to-end ones pass both ways as they are, those of a connection do not."""

import asyncio
from dataclasses import dataclass

import pytest

from tests.fakes.raw_client import exchange, raw_client, request_bytes
from tests.fakes.running_proxy import DEADLINE_S, Backend, running_proxy
from tests.fakes.scripted import Send
from tests.fakes.scripted_replies import dump, head, json_response

CHAT = "/v1/chat/completions"
OTHER = "/v1/embeddings"
BODY = b'{"messages":[{"role":"user","content":"hi"}]}'
OK = json_response({"ok": True})

Pair = tuple[str, str]


async def request_headers(path: str, headers: list[Pair]) -> list[Pair]:
    """What the backend got of a request with these headers, names in lower case."""
    async with Backend(OK) as backend, running_proxy(backend.url) as proxy:
        await exchange(proxy.url, "POST", path, BODY, headers)

    return [(name.lower(), value) for name, value in backend.requests[0].headers]


async def response_headers(path: str, headers: list[Pair]) -> list[Pair]:
    """What the client gets of an answer with these headers."""
    script = json_response({"ok": True}, headers=headers)
    async with Backend(script) as backend, running_proxy(backend.url) as proxy:
        return (await exchange(proxy.url, "POST", path, BODY)).headers


@dataclass(frozen=True)
class Row:
    """A header of the client, and whether it goes on."""

    name: str
    value: str
    forwarded: bool


ROWS = [
    Row("Authorization", "Bearer secret", True),
    Row("Cookie", "a=1; b=2", True),
    Row("User-Agent", "OpenAI/Python 1.0", True),
    Row("X-Stainless-Lang", "python", True),
    Row("X-Conversation-Id", "c-1", True),
    Row("Origin", "http://localhost:3000", True),
    Row("Forwarded", "for=1.2.3.4", True),
    Row("X-Name", "José".encode().decode("latin-1"), True),
    Row("Keep-Alive", "timeout=5", False),
    Row("Proxy-Authorization", "Basic eA==", False),
    Row("Proxy-Connection", "keep-alive", False),
    Row("TE", "trailers", False),
    Row("Trailer", "X-End", False),
]


@pytest.mark.parametrize("path", [CHAT, OTHER], ids=["chat", "passthrough"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.lower())
async def test_a_header_of_the_request(row: Row, path: str) -> None:
    got = await request_headers(path, [(row.name, row.value)])

    assert ((row.name.lower(), row.value) in got) is row.forwarded
    assert (row.name.lower() in dict(got)) is row.forwarded


@pytest.mark.parametrize("path", [CHAT, OTHER], ids=["chat", "passthrough"])
async def test_headers_named_in_connection_are_dropped_too(path: str) -> None:
    got = dict(await request_headers(path, [("Connection", "keep-alive, X-Hop"), ("X-Hop", "1")]))

    assert "x-hop" not in got
    assert got.get("connection") in (None, "keep-alive")


async def test_nothing_is_invented_on_the_way_to_the_backend() -> None:
    got = await request_headers(CHAT, [])

    names = [name for name, _ in got]
    assert sorted(names) == ["content-length", "content-type", "host"]


async def test_a_value_that_is_no_utf_8_becomes_it() -> None:
    """The connection to the backend writes nothing else; the characters are those of Latin-1."""
    got = await request_headers(OTHER, [("X-Name", "caf\xe9")])

    assert ("x-name", "café".encode().decode("latin-1")) in got


async def test_the_host_is_the_backends() -> None:
    async with Backend(OK) as backend, running_proxy(backend.url) as proxy:
        await exchange(proxy.url, "POST", CHAT, BODY)
        assert backend.requests[0].header("host") == backend.url.removeprefix("http://")


async def test_an_encoding_of_the_reply_is_asked_for_on_other_paths_only() -> None:
    """A compressed chat reply could not be read on its way."""
    accept = [("Accept-Encoding", "gzip, br")]

    assert "accept-encoding" not in dict(await request_headers(CHAT, accept))
    assert ("accept-encoding", "gzip, br") in await request_headers(OTHER, accept)


async def test_repeated_headers_stay_repeated_and_in_order() -> None:
    pairs = [("X-A", "1"), ("X-B", "2"), ("x-a", "3")]
    got = await request_headers(CHAT, pairs)

    assert [pair for pair in got if pair[0].startswith("x-")] == [
        ("x-a", "1"),
        ("x-b", "2"),
        ("x-a", "3"),
    ]


@pytest.mark.parametrize("path", [CHAT, OTHER], ids=["chat", "passthrough"])
async def test_headers_of_the_answer(path: str) -> None:
    given = [
        ("Set-Cookie", "a=1; Path=/"),
        ("Set-Cookie", "b=2"),
        ("X-Accel-Buffering", "no"),
        ("Access-Control-Allow-Origin", "*"),
        ("Server", "llama.cpp"),
        ("Connection", "X-Hop, keep-alive"),
        ("X-Hop", "1"),
        ("Keep-Alive", "timeout=5, max=100"),
        ("Proxy-Authenticate", "Basic"),
        ("X-Latin", "caf\xe9"),
    ]
    got = await response_headers(path, given)

    assert got == [
        ("Content-Type", "application/json"),
        ("Content-Length", "11"),
        ("Set-Cookie", "a=1; Path=/"),
        ("Set-Cookie", "b=2"),
        ("X-Accel-Buffering", "no"),
        ("Access-Control-Allow-Origin", "*"),
        ("Server", "llama.cpp"),
        ("X-Latin", "caf\xe9"),
    ]


SPELLINGS = ["Content-Length", "content-length", "CONTENT-LENGTH", "cOnTeNt-lEnGtH"]


@pytest.mark.parametrize("path", [CHAT, OTHER], ids=["chat", "passthrough"])
@pytest.mark.parametrize("name", SPELLINGS)
async def test_names_are_written_as_the_backend_wrote_them(name: str, path: str) -> None:
    """Even the one that says where the body ends."""
    spelled = [(name, "2"), ("X-Request-Id", "1"), ("x-ReQuest-iD", "2"), ("ETag", '"a"')]
    async with (
        Backend([Send(head(200, spelled) + b"{}")]) as backend,
        running_proxy(backend.url) as proxy,
        raw_client(proxy.url) as client,
        asyncio.timeout(DEADLINE_S),
    ):
        await client.send(request_bytes("POST", path, BODY))
        answer = await client.answer()

    assert answer.headers == spelled
    assert answer.body == b"{}"


async def test_the_connection_to_the_client_is_not_the_backends() -> None:
    """llama-server closes behind every error; the client may go on asking on the connection that it has."""
    error = json_response({"error": {}}, 500, close=True)
    async with (
        Backend(error, OK) as backend,
        running_proxy(backend.url) as proxy,
        raw_client(proxy.url) as client,
        asyncio.timeout(DEADLINE_S),
    ):
        for status in (500, 200):
            await client.send(request_bytes("POST", CHAT, BODY))
            answer = await client.answer()
            assert (answer.status, answer.header("connection")) == (status, None)


async def test_no_server_and_no_date_are_invented() -> None:
    """Neither in a relayed answer nor in one of our own."""
    async with Backend(OK) as backend, running_proxy(backend.url) as proxy:
        relayed = await exchange(proxy.url, "POST", CHAT, BODY)
        own = await exchange(proxy.url, "GET", "/warmprefix/health")
        missing = await exchange(proxy.url, "GET", "/warmprefix/no-such-page")

    for answer in (relayed, own, missing):
        assert answer.header("server") is None
        assert answer.header("date") is None


@dataclass(frozen=True)
class Status:
    """An answer of the backend that is not a success, with a header of its own."""

    status: int
    header: Pair
    body: object


STATUSES = [
    Status(400, ("X-A", "1"), {"error": {"message": "'messages' is required", "code": 400}}),
    Status(401, ("WWW-Authenticate", "Bearer"), {"error": "Invalid or missing API key"}),
    Status(404, ("X-A", "1"), {"error": {"message": "File Not Found", "code": 404}}),
    Status(429, ("Retry-After", "2"), {"error": "slow down"}),
    Status(500, ("X-A", "1"), b"not json at all"),
    Status(503, ("Retry-After", "7"), {"error": {"message": "Loading model", "code": 503}}),
    Status(529, ("X-A", "1"), {}),
]


@pytest.mark.parametrize("path", [CHAT, OTHER], ids=["chat", "passthrough"])
@pytest.mark.parametrize("case", STATUSES, ids=lambda case: str(case.status))
async def test_a_status_of_the_backend_is_relayed_as_it_is(case: Status, path: str) -> None:
    script = json_response(case.body, case.status, [case.header], close=True)
    async with Backend(script) as backend, running_proxy(backend.url) as proxy:
        answer = await exchange(proxy.url, "POST", path, BODY)
        records = await proxy.records()

    assert answer.status == case.status
    assert answer.header(case.header[0]) == case.header[1]
    assert answer.body == (case.body if isinstance(case.body, bytes) else dump(case.body))
    assert [r["outcome"] for r in records] == (["backend_error"] if path == CHAT else [])
    assert [r["status"] for r in records] == ([case.status] if path == CHAT else [])


async def test_a_redirect_is_relayed_and_not_followed() -> None:
    script = json_response({}, 307, [("Location", "/elsewhere")])
    async with Backend(script) as backend, running_proxy(backend.url) as proxy:
        answer = await exchange(proxy.url, "POST", CHAT, BODY)

    assert (answer.status, answer.header("location")) == (307, "/elsewhere")
    assert len(backend.requests) == 1
