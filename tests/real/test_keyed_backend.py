"""A llama-server with an API key: what the proxy asks it, with which key, and who gets to see that."""

from collections.abc import Callable

import pytest

from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import RunningProxy, Settings, running_proxy, until
from tests.servers.stock import StockServer

pytestmark = pytest.mark.backend
Start = Callable[..., StockServer]

CHAT = "/v1/chat/completions"
KEY = "canary-backend-key"
OWN = "canary-own-key"
BODY = {"messages": [{"role": "user", "content": "Hi there. " * 20}], "max_tokens": 2}


async def chat(proxy: RunningProxy, *headers: tuple[str, str]) -> int:
    return (await exchange(proxy.url, "POST", CHAT, BODY, headers)).status


def bearer(key: str) -> tuple[str, str]:
    return ("Authorization", f"Bearer {key}")


async def everything_shown(proxy: RunningProxy) -> str:
    """The log and every page of our own that could name a key."""
    await proxy.records()
    paths = ("turns", "conversations", "slots", "backends")
    pages = [
        (await exchange(proxy.url, "GET", f"/warmprefix/api/{path}", None, [bearer(OWN)])).body
        for path in paths
    ]
    metrics = (await exchange(proxy.url, "GET", "/warmprefix/metrics", None, [bearer(OWN)])).body
    assert all(page.startswith(b"{") for page in pages)
    assert metrics.startswith(b"#")
    return (proxy.output.getvalue() + b"".join(pages) + metrics).decode() + repr(proxy.app.known)


async def test_a_key_of_the_settings_is_for_questions_and_for_clients_without_one(
    start_stock: Start, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "warmprefix")
    server = start_stock("--api-key", KEY)
    async with running_proxy(server.url, backend={"api_key": KEY, "kind": "auto"}) as proxy:
        known = proxy.app.known
        known.wait_for_it()
        await until(lambda: known.is_learnt)
        assert known.name == "llamacpp"
        assert known.slots == (0, 0, 0, 0)
        assert await known.render(b'{"messages":[{"role":"user","content":"x"}]}')

        assert await chat(proxy) == 200
        assert any(state.tokens for state in await known.slot_states())
        models = await exchange(proxy.url, "GET", "/v1/models")
        assert models.status == 200
        shown = await everything_shown(proxy)

    assert KEY not in shown + "".join((*capfd.readouterr(), caplog.text))


async def test_a_client_with_a_key_of_its_own_gets_the_servers_answer_to_it(
    start_stock: Start,
) -> None:
    server = start_stock("--api-key", KEY)
    async with running_proxy(server.url, backend={"api_key": KEY}) as proxy:
        wrong = await exchange(proxy.url, "POST", CHAT, BODY, [bearer("wrong")])
        other = await exchange(proxy.url, "POST", CHAT, BODY, [("X-Api-Key", "wrong")])
        right = await chat(proxy, ("X-Api-Key", KEY))
    direct = await exchange(server.url, "POST", CHAT, BODY, [bearer("wrong")])

    assert (wrong.status, wrong.body) == (direct.status, direct.body) == (401, direct.body)
    assert other.status == 401
    assert right == 200


async def test_our_own_key_is_none_of_the_backends(start_stock: Start) -> None:
    """A client proves itself to the proxy with the one, and the proxy to the backend with the other."""
    server = start_stock("--api-key", KEY)
    own: Settings = {"api_key": OWN}
    async with running_proxy(server.url, server=own, backend={"api_key": KEY}) as proxy:
        assert await chat(proxy, bearer(OWN)) == 200
        assert await chat(proxy, bearer(KEY)) == 401
        shown = await everything_shown(proxy)

    assert KEY not in shown
    assert OWN not in shown


@pytest.mark.parametrize("name", ["Authorization", "X-Api-Key"])
async def test_without_one_that_of_the_first_request_that_succeeds_is_used(
    start_stock: Start,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    name: str,
) -> None:
    caplog.set_level("DEBUG", "warmprefix")
    server = start_stock("--api-key", KEY)
    async with running_proxy(server.url, backend={"kind": "auto"}) as proxy:
        known = proxy.app.known
        known.wait_for_it()
        await until(lambda: "asks for a key" in caplog.text)
        assert await chat(proxy, bearer("wrong")) == 401
        assert await chat(proxy) == 401
        assert known.slots == ()

        value = f"Bearer {KEY}" if name == "Authorization" else KEY
        assert await chat(proxy, (name, value)) == 200
        await until(lambda: known.is_learnt)
        assert max(known.slots) > 0
        assert await chat(proxy) == 401  # it is for questions alone
        shown = await everything_shown(proxy)

    assert KEY not in shown + "".join((*capfd.readouterr(), caplog.text))


async def test_a_key_that_the_backend_refuses_is_said_once(
    start_stock: Start, caplog: pytest.LogCaptureFixture
) -> None:
    server = start_stock("--api-key", "another")
    async with running_proxy(server.url, backend={"api_key": KEY}) as proxy:
        for _ in range(2):
            await proxy.app.known.ask_template()
        said = caplog.text

    assert said.count("refuses the key in backend.api_key") == 1
    assert KEY not in said
