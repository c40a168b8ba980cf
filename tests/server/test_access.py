"""Which names and origins may reach the proxy, and what is relayed for them."""

import pytest

from tests.fakes.raw_client import exchange, raw_client, request_bytes
from tests.fakes.running_proxy import Backend, running_proxy
from tests.security.hostile import BODY, CHAT, OK
from warmprefix.config import ServerConfig
from warmprefix.server.access import is_foreign_origin, is_own_host, may_relay_host
from warmprefix.server.asgi import Scope

CONFIG = ServerConfig(allowed_hosts=("chat.example",))
EVERYWHERE = ServerConfig(host="0.0.0.0")
SEVERAL = ServerConfig(host="127.0.0.1, 192.168.1.5")


def scope(client: str = "127.0.0.1", **headers: str) -> Scope:
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    return {"type": "http", "headers": pairs, "client": (client, 1)}


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
    assert may_relay_host(scope(host=host), CONFIG) is relayed


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
    assert is_foreign_origin(scope(origin=origin, host=host), CONFIG) is foreign


def test_without_an_origin_it_is_no_page() -> None:
    assert not is_foreign_origin(scope(host="localhost"), CONFIG)


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
    assert is_own_host(scope(client, host=host), config) is own


def test_each_address_that_is_listened_on_is_a_name_of_ours() -> None:
    assert is_own_host(scope("192.168.1.9", host="192.168.1.5:8484"), SEVERAL)


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
