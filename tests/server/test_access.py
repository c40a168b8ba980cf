"""Which names and origins may reach the proxy, and what is relayed for them."""

import pytest

from tests.fakes.raw_client import exchange, raw_client, request_bytes
from tests.fakes.running_proxy import Backend, running_proxy
from tests.security.hostile import BODY, CHAT, OK, OTHER
from warmprefix.backends.base import Headers
from warmprefix.backends.kinds import KINDS
from warmprefix.config import ServerConfig
from warmprefix.server.access import (
    First,
    has_key,
    is_foreign_origin,
    is_own_host,
    may_relay_host,
    without_key,
)
from warmprefix.server.asgi import first_values

CONFIG = ServerConfig(allowed_hosts=("chat.example",))
EVERYWHERE = ServerConfig(host="0.0.0.0")
SEVERAL = ServerConfig(host="127.0.0.1, 192.168.1.5")


def given(**headers: str) -> First:
    return {name.encode(): value.encode("latin-1") for name, value in headers.items()}


@pytest.mark.parametrize(
    ("host", "relayed"),
    [
        ("localhost:8484", True),
        ("127.0.0.1", True),
        ("[::1]:8484", True),
        ("192.168.1.5:8484", True),
        ("[fd00::5]:8484", True),
        ("warmprefix:8484", True),
        ("my-box.local", True),
        ("host.docker.internal:8484", True),
        ("Chat.Example", True),
        ("", True),
        ("evil.example:8484", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.nip.example", False),
        ("evil.example.local.example", False),
    ],
)
def test_a_name_that_a_stranger_can_have_is_not_relayed(host: str, relayed: bool) -> None:
    assert may_relay_host(given(host=host), CONFIG) is relayed


@pytest.mark.parametrize(
    ("origin", "host", "foreign"),
    [
        ("http://localhost:3000", "localhost:8484", False),
        ("https://chat.example", "localhost:8484", False),
        ("http://my-box.local:3000", "my-box.local:8484", False),
        ("http://evil.example", "localhost:8484", True),
        ("http://evil.example:8484", "localhost:8484", True),
        ("http://localhost.evil.example", "localhost", True),
        ("null", "localhost", True),
        ("file://", "localhost", True),
        ("chrome-extension://abc", "localhost", True),
        ("", "localhost", True),
        ("http://", "localhost", True),
    ],
)
def test_a_page_of_another_site_is_foreign(origin: str, host: str, foreign: bool) -> None:
    assert is_foreign_origin(given(origin=origin, host=host), CONFIG) is foreign


def test_without_an_origin_it_is_no_page() -> None:
    assert not is_foreign_origin(given(host="localhost"), CONFIG)


@pytest.mark.parametrize(
    ("client", "host", "own"),
    [
        ("127.0.0.1", "localhost:8484", True),
        ("::1", "localhost", True),
        ("192.168.1.9", "localhost:8484", False),
        ("192.168.1.9", "127.0.0.1:8484", False),
        ("unix", "localhost", True),
    ],
)
@pytest.mark.parametrize("config", [EVERYWHERE, SEVERAL], ids=lambda config: config.host)
def test_whoever_says_localhost_is_on_this_machine(
    client: str, host: str, own: bool, config: ServerConfig
) -> None:
    assert is_own_host(given(host=host), (client, 1), config) is own


def test_each_address_that_is_listened_on_is_a_name_of_ours() -> None:
    assert is_own_host(given(host="192.168.1.5:8484"), ("192.168.1.9", 1), SEVERAL)


def test_a_container_may_allow_the_name_of_its_host() -> None:
    config = ServerConfig(host="0.0.0.0", allowed_hosts=("localhost",))

    assert is_own_host(given(host="localhost:8484"), ("172.17.0.1", 1), config)
    assert not is_own_host(given(host="127.0.0.1:8484"), ("172.17.0.1", 1), config)


KEY = "k3y"
BEARER, PLAIN = (b"authorization", b"bearer  k3y "), (b"x-api-key", b"k3y")
THEIRS = [
    (b"authorization", b"Bearer theirs"),
    (b"authorization", b"Basic k3y"),
    (b"authorization", b"k3y"),
    (b"x-api-key", b"theirs"),
    (b"x-api-key", b"Bearer k3y"),
    (b"api-key", b"k3y"),
]


@pytest.mark.parametrize("ours", [BEARER, PLAIN])
def test_the_key_is_taken_out_and_a_key_of_the_clients_own_is_not(
    ours: tuple[bytes, bytes],
) -> None:
    headers: Headers = [THEIRS[0], ours, *THEIRS[1:], BEARER, PLAIN]

    assert has_key(first_values({"headers": [ours, *THEIRS]}), KEY)
    assert not has_key(first_values({"headers": THEIRS}), KEY)
    assert without_key(headers, KEY) == THEIRS


KEYED = [
    pytest.param([], {}, [], id="only-ours"),
    pytest.param([], {"api_key": "b"}, ["Bearer b"], id="replaced"),
    pytest.param([("X-Api-Key", "c")], {"api_key": "b"}, ["c"], id="beside-the-clients-own"),
]


@pytest.mark.parametrize("path", [CHAT, OTHER])
@pytest.mark.parametrize(("more", "settings", "sent"), KEYED)
async def test_the_proxys_key_reaches_no_backend(
    path: str, more: list[tuple[str, str]], settings: dict[str, object], sent: list[str]
) -> None:
    headers = [("Authorization", f"Bearer {KEY}"), *more]
    async with (
        Backend(otherwise=OK) as backend,
        running_proxy(backend.url, server={"api_key": KEY}, backend=settings) as proxy,
    ):
        answer = await exchange(proxy.url, "POST", path, BODY, headers)
    (request,) = backend.requests

    assert answer.status == 200
    assert [v for n, v in request.headers if n.lower() in ("authorization", "x-api-key")] == sent


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "PATCH"])
@pytest.mark.parametrize("path", [CHAT, "/api/v1/delete", "/api/v1/pull", "/internal/shutdown"])
async def test_what_changes_something_is_not_relayed_for_a_foreign_page(
    method: str, path: str
) -> None:
    """A page may send it as text/plain without asking first."""
    headers = [("Origin", "http://evil.example"), ("Content-Type", "text/plain")]
    async with Backend(OK) as backend, running_proxy(backend.url) as proxy:
        answer = await exchange(proxy.url, method, path, None, headers)

    assert answer.status == 403
    assert not [one for one in backend.requests if one.target == path]


async def test_nothing_is_relayed_under_a_strangers_name() -> None:
    async with (
        Backend(OK) as backend,
        running_proxy(backend.url) as proxy,
        raw_client(proxy.url) as client,
    ):
        await client.send(request_bytes("POST", CHAT, BODY, host="evil.example"))
        answer = await client.answer()

    assert answer.status == 421
    assert b"server.allowed_hosts" in answer.body
    assert not [one for one in backend.requests if one.target == CHAT]


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
@pytest.mark.parametrize("path", [CHAT, "/internal/shutdown"])
async def test_whatever_the_backend_is_a_foreign_page_changes_nothing(kind: str, path: str) -> None:
    headers = [("Origin", "http://evil.example"), ("Content-Type", "text/plain")]
    async with (
        Backend(otherwise=OK) as backend,
        running_proxy(backend.url, backend={"kind": kind}) as proxy,
    ):
        answer = await exchange(proxy.url, "POST", path, BODY, headers)

    assert answer.status == 403
    assert not [one for one in backend.requests if one.target == path]
