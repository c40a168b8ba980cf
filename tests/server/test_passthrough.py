"""Everything that is not ours reaches the backend as it is, and comes back as it is, both streamed."""

import asyncio
import gzip
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.fakes.raw_client import Answer, exchange, raw_client, request_bytes
from tests.fakes.running_proxy import DEADLINE_S, Backend, running_proxy
from tests.fakes.scripted import Send, Step, Wait
from tests.fakes.scripted_http import Request
from tests.fakes.scripted_replies import head, json_response, last_chunk

OK = json_response({"ok": True})


@pytest.mark.parametrize(
    "method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "QUERY"]
)
async def test_every_method_passes(method: str) -> None:
    body = None if method in ("GET", "OPTIONS", "TRACE", "DELETE") else {"a": 1}
    async with Backend(OK) as backend, running_proxy(backend.url) as proxy:
        answer = await exchange(proxy.url, method, "/v1/x", body)
        records = await proxy.records()

    request = backend.requests[0]
    assert (request.method, request.target) == (method, "/v1/x")
    assert request.body == (b'{"a": 1}' if body else b"")
    assert answer.body == b'{"ok":true}'
    assert records == []


TARGETS = [
    "/",
    "/v1/models?show_all=true&x=%20&y=a+b&z=%C3%A9",
    "/v1/models?",
    "/a?b?c=/d//e",
    "//v1//models",
    "/v1/./models/../x",
    "/%2e%2e/etc",
    "/v1/a%20b%2Fc%00",
    "/v1/caf%c3%a9",
    "/v1/models/user.Qwen3:latest",
    "/a;b=c,d@e!f$g'(h)*i~j[k]{l}|m^n`o",
    "/v1/chat%2Fcompletions",
    "/v1/chat/completions",
    "/warmprefixes",
]


@pytest.mark.parametrize("target", TARGETS)
async def test_a_target_is_sent_as_the_client_wrote_it(target: str) -> None:
    """Nothing is decoded, encoded, joined or tidied up on the way."""
    async with Backend(OK) as backend, running_proxy(backend.url) as proxy:
        await exchange(proxy.url, "GET", target)

    assert backend.requests[0].target == target.removesuffix("?")


async def test_a_target_in_absolute_form_becomes_a_path() -> None:
    async with Backend(OK) as backend, running_proxy(backend.url) as proxy:
        await exchange(proxy.url, "GET", "http://elsewhere.example:81/v1/models?a=1")

    assert backend.requests[0].target == "/v1/models?a=1"
    assert backend.requests[0].header("host") == backend.url.removeprefix("http://")


async def test_a_question_about_the_whole_server_is_answered() -> None:
    async with Backend(OK) as backend, running_proxy(backend.url) as proxy:
        answer = await exchange(proxy.url, "OPTIONS", "*")

    assert answer.status == 200
    assert (backend.requests[0].method, backend.requests[0].target) == ("OPTIONS", "/*")


async def test_a_backend_below_a_path_gets_it_in_front() -> None:
    async with Backend(OK) as backend, running_proxy(f"{backend.url}/llm") as proxy:
        await exchange(proxy.url, "GET", "/v1/models")

    assert backend.requests[0].target == "/llm/v1/models"


@dataclass(frozen=True)
class Bodyless:
    """An answer without a body, and its headers that must arrive."""

    id: str
    method: str
    status: int
    headers: tuple[tuple[str, str], ...]
    stray: tuple[bytes, ...] = ()
    """What comes behind the head all the same: the first with it, the others as arrivals of their own."""


CHUNKED = (("Transfer-Encoding", "chunked"),)
LAST = last_chunk()

BODYLESS = [
    Bodyless("head", "HEAD", 200, (("Content-Length", "1234"), ("ETag", '"x"'))),
    Bodyless("head-chunked", "HEAD", 200, CHUNKED),
    Bodyless("head-with-a-chunk", "HEAD", 200, CHUNKED, (LAST,)),
    Bodyless("head-with-a-body", "HEAD", 200, (("Content-Length", "2"),), (b"{}",)),
    Bodyless("no-content-with-a-chunk", "OPTIONS", 204, CHUNKED, (LAST,)),
    Bodyless("no-content-and-a-chunk", "OPTIONS", 204, CHUNKED, (b"", LAST)),
    Bodyless("not-modified-with-a-chunk", "GET", 304, CHUNKED, (LAST,)),
    Bodyless("head-missing", "HEAD", 404, (("Content-Length", "0"),)),
    Bodyless("no-content", "DELETE", 204, ()),
    Bodyless("preflight", "OPTIONS", 204, (("Content-Length", "0"), ("Allow", "GET"))),
    Bodyless("not-modified", "GET", 304, (("ETag", '"x"'),)),
    Bodyless("not-modified-with-length", "GET", 304, (("Content-Length", "1234"),)),
    Bodyless("empty", "GET", 200, (("Content-Length", "0"),)),
]


@pytest.mark.parametrize("case", BODYLESS, ids=lambda case: case.id)
async def test_an_answer_without_a_body(case: Bodyless) -> None:
    """And the connection serves the next request: nothing is left over on it."""
    first, *others = case.stray or (b"",)
    script: list[Step] = [Send(head(case.status, case.headers) + first), *map(Send, others)]
    async with (
        Backend(script, OK) as backend,
        running_proxy(backend.url) as proxy,
        raw_client(proxy.url) as client,
        asyncio.timeout(DEADLINE_S),
    ):
        await client.send(request_bytes(case.method, "/x"))
        answer = await client.head()
        if answer.header("connection") != "close":
            await client.send(request_bytes("GET", "/y"))
            assert (await client.answer()).body == b'{"ok":true}'
        else:
            assert await client.ended()

    assert answer.status == case.status
    for name, value in case.headers:
        if name != "Transfer-Encoding" and (case.status, name) != (304, "Content-Length"):
            assert answer.header(name) == value
    assert answer.header("connection") is None


async def test_a_compressed_answer_stays_compressed() -> None:
    data = gzip.compress(b'{"object":"list"}' * 100)
    script = json_response(data, headers=[("Content-Encoding", "gzip"), ("Vary", "Origin")])
    async with Backend(script) as backend, running_proxy(backend.url) as proxy:
        answer = await exchange(
            proxy.url, "GET", "/v1/models", headers=[("Accept-Encoding", "gzip")]
        )

    assert answer.body == data
    assert answer.header("content-encoding") == "gzip"
    assert backend.requests[0].header("accept-encoding") == "gzip"


async def test_pieces_of_an_answer_arrive_before_the_next_is_sent() -> None:
    """Also without any framing of its own, until the connection ends."""
    seen = [asyncio.Event() for _ in range(3)]

    def script(_: Request) -> Iterator[Step]:
        yield Send(head(200, [("Content-Type", "audio/wav"), ("Connection", "close")]))
        for number, was_seen in enumerate(seen):
            yield Send(b"%d" % number)
            yield Wait(was_seen)

    async with (
        Backend(script, keep_alive=False) as backend,
        running_proxy(backend.url) as proxy,
        raw_client(proxy.url) as client,
        asyncio.timeout(DEADLINE_S),
    ):
        await client.send(request_bytes("GET", "/v1/audio/speech"))
        answer = await client.head()
        arrivals = client.body(answer)
        for was_seen in seen:
            await anext(arrivals)
            was_seen.set()
        assert [arrival async for arrival in arrivals] == []

    assert answer.body == b"012"
    assert answer.complete


async def test_requests_one_after_another_on_one_connection() -> None:
    async with (
        Backend(otherwise=OK) as backend,
        running_proxy(backend.url) as proxy,
        raw_client(proxy.url) as client,
    ):
        for _ in range(3):
            await client.send(request_bytes("GET", "/v1/models"))
            assert (await client.answer()).status == 200

    assert [request.ordinal for request in backend.requests] == [1, 2, 3]


async def test_requests_sent_before_the_answers_are_answered_in_order() -> None:
    async with (
        Backend(json_response(b"1"), json_response(b"2")) as backend,
        running_proxy(backend.url) as proxy,
        raw_client(proxy.url) as client,
    ):
        await client.send(request_bytes("GET", "/1") + request_bytes("GET", "/2"))
        bodies = [(await client.answer()).body for _ in range(2)]

    assert bodies == [b"1", b"2"]


async def test_many_answers_at_once_do_not_mix() -> None:
    def script(request: Request) -> list[Step]:
        return json_response(request.target.encode())

    async def one(url: str, number: int) -> Answer:
        return await exchange(url, "GET", f"/{number}")

    async with Backend(otherwise=script) as backend, running_proxy(backend.url) as proxy:
        answers = await asyncio.gather(*(one(proxy.url, number) for number in range(50)))

    assert [answer.body for answer in answers] == [b"/%d" % number for number in range(50)]


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("warmprefix.backends.known.KnownBackend.kind", "backend-facts"),
        ("warmprefix.slots.pause.Pause._stop", "prewarm"),
    ],
)
async def test_a_fault_in_what_only_helps_is_not_the_clients(
    place: str, reason: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def boom(*_: object) -> None:
        raise KeyError("injected")

    async with Backend(OK) as backend, running_proxy(backend.url) as proxy:
        with monkeypatch.context() as patch:
            patch.setattr(place, boom)
            answer = await exchange(proxy.url, "POST", "/v1/embeddings", {"input": "x"})
        counted = dict(proxy.app.turns._counters.fail_open)

    assert (answer.status, answer.json()) == (200, {"ok": True})
    assert counted == {reason: 1}
    assert "KeyError: 'injected'" in caplog.text
