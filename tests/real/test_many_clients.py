"""Many clients that stream at once from the server people run: nobody gets an error of our making."""

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest

from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import running_proxy
from tests.servers.stock import StockServer

pytestmark = pytest.mark.backend

CHAT = "/v1/chat/completions"
REQUESTS = 400
LIMIT_S = 60.0


@pytest.mark.parametrize("clients", [8, 32])
async def test_no_request_fails_through_us(
    start_stock: Callable[..., StockServer], clients: int
) -> None:
    """llama-server closes kept connections after a stream without a word, about every second one if
    several clients ask at once."""
    server = start_stock()
    left = iter(range(REQUESTS))
    endings: Counter[tuple[int, bool]] = Counter()

    async def client(url: str) -> None:
        for number in left:
            messages = [{"role": "user", "content": f"number {number}"}]
            body = {"messages": messages, "stream": True, "max_tokens": 3}
            answer = await exchange(url, "POST", CHAT, body)
            endings[answer.status, answer.body.endswith(b"data: [DONE]\n\n")] += 1

    async with running_proxy(server.url) as proxy, asyncio.timeout(LIMIT_S):
        await asyncio.gather(*(client(proxy.url) for _ in range(clients)))

    assert endings == {(200, True): REQUESTS}
