"""A client that leaves in the middle of a stream: the server stops generating, with and without the proxy."""

import asyncio

import orjson
import pytest

from tests.conformance.cases import CHAT
from tests.conformance.conftest import Servers
from tests.conformance.prompts import MESSAGES
from tests.fakes.llama import LlamaServer
from tests.fakes.raw_client import raw_client, request_bytes
from tests.fakes.running_proxy import TICK_S, Json, running_proxy

pytestmark = pytest.mark.backend

FOR_EVER = 30_000
LEAVING = [
    (CHAT, {"messages": MESSAGES, "max_tokens": FOR_EVER, "stream": True}),
    ("/completion", {"prompt": "a", "n_predict": FOR_EVER, "stream": True}),
    ("/v1/messages", {"messages": MESSAGES[1:], "max_tokens": FOR_EVER, "stream": True}),
    ("/v1/responses", {"input": "hi", "max_output_tokens": FOR_EVER, "stream": True}),
]


async def slot(llama: LlamaServer) -> Json:
    """What the server says of its slot."""
    (found,) = orjson.loads(await asyncio.to_thread(llama.get, "/slots"))
    return dict(found)


async def leave(url: str, path: str, body: Json, llama: LlamaServer) -> int:
    """How many tokens were in the slot once a client had left as soon as its request ran."""
    async with raw_client(url) as client:
        await client.send(request_bytes("POST", path, body))
        answer = await client.head()
        await anext(client.body(answer))
    await until_idle(llama)
    erased = orjson.loads(await asyncio.to_thread(llama.post, "/slots/0?action=erase", {}))
    return int(erased["n_erased"])


async def until_idle(llama: LlamaServer) -> None:
    """Wait for the slot to be free."""
    async with asyncio.timeout(20):
        while (await slot(llama))["is_processing"]:  # noqa: ASYNC110  # what it looks at has no event
            await asyncio.sleep(TICK_S)


@pytest.mark.parametrize(("path", "body"), LEAVING, ids=[path for path, _ in LEAVING])
async def test_the_server_stops(path: str, body: Json, servers: Servers) -> None:
    llama = servers("patient")
    assert isinstance(llama, LlamaServer)
    directly = await leave(llama.url, path, body, llama)
    async with running_proxy(llama.url) as proxy:
        through = await leave(proxy.url, path, body, llama)

    assert 0 < directly < FOR_EVER
    assert 0 < through < FOR_EVER
