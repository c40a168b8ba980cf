"""Reading an opening beforehand gives way to requests, and goes on."""

import asyncio
from pathlib import Path

import pytest

from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import BUSY_S, until
from tests.servers.stock import StartStock
from tests.slots.beginning import RULES, TOOL, chat, openings, proxied, seating_of

pytestmark = pytest.mark.backend


async def test_a_request_comes_first_and_then_it_goes_on(
    start_stock: StartStock, tmp_path: Path
) -> None:
    (tmp_path / "slots").mkdir()
    server = start_stock("-np", "2", "--slot-save-path", f"{tmp_path}/slots/", context=65536)
    system = {"role": "system", "content": RULES * 3}
    async with proxied(server, tmp_path / "slots") as proxy:
        own = seating_of(proxy).openings
        assert own is not None
        counts = own.files.counters.prewarms
        body = {"messages": [system], "tools": [TOOL]}
        put = exchange(proxy.url, "PUT", "/warmprefix/api/openings", body)
        warming = asyncio.create_task(put)
        await until(lambda: counts["tokens"] > 1000, BUSY_S)
        await chat(proxy, [{"role": "user", "content": "Hi."}], tools=None)
        assert not warming.done()
        answer = await warming
        assert openings(proxy), answer.body.splitlines()[-1]
        (opening,) = openings(proxy)

    assert opening.tokens > 9_000
    assert b'"failure":""' in answer.body.splitlines()[-1]
    assert counts["tokens"] <= opening.tokens + 600
