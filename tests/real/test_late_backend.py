"""A llama-server that comes up after the proxy: what it is and holds is known as soon as it answers."""

from collections.abc import Callable

import pytest

from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import running_proxy, until
from tests.servers.stock import StockServer

pytestmark = pytest.mark.backend
Start = Callable[..., StockServer]

CHAT = "/v1/chat/completions"
BODY = {"messages": [{"role": "user", "content": "Hi there. " * 60}], "max_tokens": 2}


async def test_it_is_known_before_anybody_asks_it_anything(start_stock: Start) -> None:
    server = start_stock()
    server.stop()
    async with running_proxy(server.url, backend={"kind": "auto"}) as proxy:
        known = proxy.app.known
        known.wait_for_it()
        assert (await exchange(proxy.url, "POST", CHAT, BODY)).status == 502
        assert (known.name, known.slots, known.start) == ("unknown", (), None)

        server.start()
        await until(lambda: known.is_learnt)

    assert known.name == "llamacpp"
    assert known.slots == (0, 0, 0, 0)
    assert known.template.in_loop is not None


async def test_what_a_backend_said_before_it_was_lost_is_not_held_against_it(
    start_stock: Start,
) -> None:
    """Its slots are unknown until the one that has come back has said what they hold."""
    server = start_stock("-np", "2")
    async with running_proxy(server.url, prewarm={"restart_check_s": 0.0}) as proxy:
        known = proxy.app.known
        await known.ask_template()
        await exchange(proxy.url, "POST", CHAT, BODY)
        assert any(state.tokens for state in await known.slot_states())
        server.kill()
        assert (await exchange(proxy.url, "POST", CHAT, BODY)).status == 502
        assert known.slots == ()
        assert await known.slot_states() == ()

        server.start()
        assert (await exchange(proxy.url, "POST", CHAT, BODY)).status == 200
        await until(lambda: known.is_learnt)

    assert len(known.slots) == 2
