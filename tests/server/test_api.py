"""Our own pages under `/warmprefix/`, and who may open them."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from tests.fakes.raw_client import Answer, RawClient, exchange, raw_client, request_bytes
from tests.fakes.running_proxy import DEADLINE_S, Backend, Json, running_proxy, until
from tests.fakes.scripted import Wait
from tests.fakes.scripted_replies import chat_reply, json_response
from warmprefix import __version__

CHAT = "/v1/chat/completions"
OK = json_response(chat_reply("hi", 5, 0))
NO_BACKEND = "http://127.0.0.1:1"
PAGES = "/warmprefix/api/turns"


def asking(text: str) -> Json:
    """A chat request."""
    return {"messages": [{"role": "user", "content": text}]}


async def test_health_is_about_the_proxy_alone() -> None:
    async with running_proxy(NO_BACKEND) as proxy:
        answer = await exchange(proxy.url, "GET", "/warmprefix/health")

    assert answer.status == 200
    assert answer.json() == {"status": "ok", "version": __version__}


async def test_ready_is_about_the_backend_too() -> None:
    async with running_proxy(NO_BACKEND) as proxy:
        down = await exchange(proxy.url, "GET", "/warmprefix/ready")
    async with Backend() as backend, running_proxy(backend.url) as proxy:
        up = await exchange(proxy.url, "GET", "/warmprefix/ready")

    assert (down.status, down.json()) == (503, {"status": "backend unreachable"})
    assert (up.status, up.json()) == (200, {"status": "ok"})


async def test_turns_are_the_lines_of_the_log_newest_first() -> None:
    async with Backend(otherwise=OK) as backend, running_proxy(backend.url) as proxy:
        for text in ("a", "b", "c"):
            await exchange(proxy.url, "POST", CHAT, asking(text))
        records = await proxy.records()
        listed = (await exchange(proxy.url, "GET", PAGES)).json()["turns"]
        two = (await exchange(proxy.url, "GET", PAGES + "?limit=2")).json()["turns"]

    assert listed == records[::-1]
    assert two == listed[:2]


async def test_a_request_that_is_no_turn_yet_is_counted() -> None:
    goes_on = asyncio.Event()
    async with (
        Backend([Wait(goes_on), *OK]) as backend,
        running_proxy(backend.url) as proxy,
        raw_client(proxy.url) as client,
        asyncio.timeout(DEADLINE_S),
    ):
        await client.send(request_bytes("POST", CHAT, asking("a")))
        await backend.received(1)
        before = (await exchange(proxy.url, "GET", PAGES)).json()
        goes_on.set()
        await client.answer()
        records = await proxy.records(running=1)
        behind = (await exchange(proxy.url, "GET", PAGES)).json()

    assert before == {"turns": [], "running": 1}
    assert behind == {"turns": records, "running": 0}


async def test_turns_of_one_conversation() -> None:
    async with Backend(otherwise=OK) as backend, running_proxy(backend.url) as proxy:
        for text in ("a", "b", "a"):
            await exchange(proxy.url, "POST", CHAT, asking(text))
        first, other, again = await proxy.records()
        wanted = first["conversation"]
        found = (await exchange(proxy.url, "GET", f"{PAGES}?conversation={wanted}")).json()["turns"]
        none = (await exchange(proxy.url, "GET", f"{PAGES}?conversation=no")).json()["turns"]

    assert found == [again, first]
    assert other["conversation"] != wanted
    assert none == []


async def test_one_turn_by_its_id() -> None:
    async with Backend(OK) as backend, running_proxy(backend.url) as proxy:
        await exchange(proxy.url, "POST", CHAT, asking("a"))
        record = await proxy.record()
        found = await exchange(proxy.url, "GET", f"{PAGES}/{record['turn']}")
        missing = await exchange(proxy.url, "GET", f"{PAGES}/nope")

    assert found.json().items() >= record.items()
    assert missing.status == 404
    assert "No such turn" in missing.json()["detail"]


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (f"{PAGES}?limit=0", 422),
        (f"{PAGES}?limit=1001", 422),
        (f"{PAGES}?limit=x", 422),
        (f"{PAGES}?conversation={'x' * 65}", 422),
        (f"{PAGES}/{'x' * 65}", 422),
        ("/warmprefix/nothing-here", 404),
        ("/warmprefix/api/nothing-here", 404),
    ],
)
async def test_what_is_wrong_with_a_request_for_a_page(target: str, status: int) -> None:
    """Nothing under our own prefix goes to the backend."""
    async with Backend() as backend, running_proxy(backend.url) as proxy:
        answer = await exchange(proxy.url, "GET", target)

    assert answer.status == status
    assert answer.header("content-type") == "application/json"
    assert backend.requests == []


async def test_a_page_is_read_and_not_written() -> None:
    async with running_proxy(NO_BACKEND) as proxy:
        assert (await exchange(proxy.url, "POST", PAGES, {})).status == 405


async def events(client: RawClient, answer: Answer) -> AsyncIterator[Json]:
    """The events of a stream that has begun, comments left out."""
    async for arrival in client.body(answer):
        if arrival.data.startswith(b"data: "):
            yield json.loads(arrival.data.removeprefix(b"data: "))


async def test_turns_are_shown_live() -> None:
    """Each as it ends, to everyone who watches; those before are not repeated."""
    async with (
        Backend(otherwise=OK) as backend,
        running_proxy(backend.url) as proxy,
        raw_client(proxy.url) as one,
        raw_client(proxy.url) as two,
        asyncio.timeout(DEADLINE_S),
    ):
        await exchange(proxy.url, "POST", CHAT, asking("before"))
        streams = []
        for client in (one, two):
            await client.send(request_bytes("GET", "/warmprefix/api/events"))
            answer = await client.head()
            assert (answer.header("content-type") or "").startswith("text/event-stream")
            body = client.body(answer)
            assert (await anext(body)).data.startswith(b":")
            streams.append((client, answer))
        readers = [events(client, answer) for client, answer in streams]
        for text in ("a", "b"):
            await exchange(proxy.url, "POST", CHAT, asking(text))
        seen = [[await anext(reader), await anext(reader)] for reader in readers]
        records = await proxy.records(running=2)

    assert seen[0] == seen[1] == records[1:]


async def test_a_watcher_that_leaves_is_forgotten() -> None:
    async with Backend(otherwise=OK) as backend, running_proxy(backend.url) as proxy:
        async with raw_client(proxy.url) as client:
            await client.send(request_bytes("GET", "/warmprefix/api/events"))
            await client.head()
        await until(proxy.server.is_idle)
        await exchange(proxy.url, "POST", CHAT, asking("a"))
        record = await proxy.record()

    assert record["outcome"] == "ok"


async def test_watching_ends_when_the_proxy_stops() -> None:
    async with running_proxy(NO_BACKEND) as proxy, raw_client(proxy.url) as client:
        await client.send(request_bytes("GET", "/warmprefix/api/events"))
        answer = await client.head()
        proxy.app.stop_watching()
        async with asyncio.timeout(DEADLINE_S):
            async for _ in client.body(answer):
                pass

    assert answer.complete


HOSTS = [
    ("localhost", 200),
    ("LOCALHOST:8484", 200),
    ("127.0.0.1", 200),
    ("127.0.0.1:8484", 200),
    ("[::1]", 200),
    ("[::1]:8484", 200),
    ("my-box.local:8484", 200),
    ("evil.example", 421),
    ("evil.example:8484", 421),
    ("127.0.0.1.evil.example", 421),
    ("localhost.evil.example:8484", 421),
    ("my-box.local.evil.example", 421),
    ("", 421),
]


@pytest.mark.parametrize(("host", "status"), HOSTS)
async def test_a_page_opens_under_the_names_of_this_machine_only(host: str, status: int) -> None:
    """A page elsewhere must not reach ours through a name of its own (DNS rebinding)."""
    allowed = {"allowed_hosts": ("My-Box.local",)}
    async with running_proxy(NO_BACKEND, server=allowed) as proxy, raw_client(proxy.url) as client:
        await client.send(request_bytes("GET", PAGES, host=host))
        answer = await client.answer()

    assert answer.status == status
    if status == 421:
        assert "server.allowed_hosts" in answer.json()["error"]["message"]


async def test_the_names_are_checked_on_our_own_pages_only() -> None:
    async with (
        Backend(OK) as backend,
        running_proxy(backend.url) as proxy,
        raw_client(proxy.url) as client,
    ):
        await client.send(request_bytes("POST", CHAT, asking("a"), host="my-gateway:80"))
        assert (await client.answer()).status == 200


KEYED = [
    pytest.param("POST", CHAT, asking("a"), id="chat"),
    pytest.param("GET", "/v1/models", None, id="passthrough"),
    pytest.param("GET", PAGES, None, id="own-page"),
    pytest.param("GET", "/warmprefix/api/events?", None, id="events"),
    pytest.param("GET", "/nothing", None, id="nowhere"),
]
WRONG_KEYS = [
    None,
    "Bearer ",
    "Bearer k",
    "Bearer secret-kez",
    "Bearer secret-key2",
    "Basic secret-key",
    "secret-key",
]


@pytest.mark.parametrize("given", WRONG_KEYS)
@pytest.mark.parametrize(("method", "target", "body"), KEYED)
async def test_without_the_key_nothing_is_answered(
    method: str, target: str, body: Json | None, given: str | None
) -> None:
    headers = [("Authorization", given)] if given else []
    async with (
        Backend() as backend,
        running_proxy(backend.url, server={"api_key": "secret-key"}) as proxy,
    ):
        answer = await exchange(proxy.url, method, target, body, headers)
        records = await proxy.records()

    assert answer.status == 401
    assert answer.json()["error"]["type"] == "authentication_error"
    assert backend.requests == []
    assert records == []


@pytest.mark.parametrize("given", ["Bearer secret-key", "bearer secret-key", "Bearer  secret-key"])
@pytest.mark.parametrize(("method", "target", "body"), [KEYED[0], KEYED[1], KEYED[2]])
async def test_with_the_key_everything_is(
    method: str, target: str, body: Json | None, given: str
) -> None:
    async with (
        Backend(OK) as backend,
        running_proxy(backend.url, server={"api_key": "secret-key"}) as proxy,
    ):
        answer = await exchange(proxy.url, method, target, body, [("Authorization", given)])

    assert answer.status == 200


@pytest.mark.parametrize("page", ["health", "ready"])
async def test_health_asks_for_no_key(page: str) -> None:
    async with Backend() as backend, running_proxy(backend.url, server={"api_key": "k"}) as proxy:
        answer = await exchange(proxy.url, "GET", f"/warmprefix/{page}")

    assert answer.status == 200


async def test_a_browser_may_ask_what_is_allowed_without_a_key() -> None:
    """A preflight carries none; llama-server and Lemonade answer it without one, too."""
    async with Backend(OK) as backend, running_proxy(backend.url, server={"api_key": "k"}) as proxy:
        answer = await exchange(
            proxy.url, "OPTIONS", CHAT, headers=[("Origin", "http://a.example")]
        )

    assert answer.status == 200
    assert backend.requests[0].method == "OPTIONS"


async def test_our_own_pages_are_not_shown_to_other_origins() -> None:
    """No page of ours allows cross-origin reading, so a browser keeps it from foreign scripts."""
    async with running_proxy(NO_BACKEND) as proxy:
        answer = await exchange(proxy.url, "GET", PAGES, headers=[("Origin", "http://a.example")])

    assert answer.header("access-control-allow-origin") is None
