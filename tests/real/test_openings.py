"""Openings on stock llama-servers: a new conversation reads only its own text, also after a restart."""

from pathlib import Path

import pytest

from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import RunningProxy
from tests.fakes.tiny_recurrent import write_tiny_recurrent
from tests.servers.stock import StartStock, StockServer
from tests.slots.beginning import EDGES, begun, chat, learnt, proxied, saved, size

pytestmark = pytest.mark.backend

MESSAGES = "/v1/messages"

SERVERS = {
    "default": (),
    "np-4": ("-np", "4"),
    "np-2-no-ram": ("-np", "2", "--cache-ram", "0"),
    "np-1": ("-np", "1"),
    "np-1-no-ram": ("-np", "1", "--cache-ram", "0"),
}


async def ask_messages(proxy: RunningProxy, name: str) -> None:
    """A first request as Claude Code sends it."""
    system, question = begun(name)
    body = {"system": system["content"], "messages": [question], "max_tokens": 6}
    answer = await exchange(proxy.url, "POST", MESSAGES, body)
    assert answer.status == 200, answer.body


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warmprefix.slots.openings._SAVED_S", 0.1)


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, start_stock: StartStock, tmp_path: Path) -> StockServer:
    (tmp_path / "slots").mkdir()
    flags = SERVERS[request.param]
    return start_stock(*flags, "--slot-save-path", f"{tmp_path}/slots/", context=131072)


async def test_a_new_conversation_begins_warm_after_a_restart(
    server: StockServer, tmp_path: Path
) -> None:
    async with proxied(server, tmp_path / "slots") as proxy:
        await learnt(proxy)
        server.kill()
        server.start()
        await chat(proxy, begun("gamma"))
        *_, third = await proxy.records()

    assert third["restored"] == ["opening"], third
    assert third["processed_tokens"] <= size(begun("gamma")) + EDGES
    assert third["kept_tokens"] > 2500


async def test_it_is_found_where_no_slot_can_be_asked_for(
    server: StockServer, tmp_path: Path
) -> None:
    async with proxied(server, tmp_path / "slots") as proxy:
        for name in ("alpha", "beta"):
            await ask_messages(proxy, name)
            await proxy.records()
        await saved(proxy)
        server.kill()
        server.start()
        await ask_messages(proxy, "gamma")
        *_, third = await proxy.records()

    assert third["restored"] == ["opening"], third
    assert third["processed_tokens"] <= size(begun("gamma")) + EDGES


@pytest.mark.parametrize("server", ["default", "np-1"], indirect=True)
async def test_it_is_there_when_long_conversations_have_pushed_it_out(
    server: StockServer, tmp_path: Path
) -> None:
    """The RAM cache gives nothing of what shares less than a quarter of itself."""
    async with proxied(server, tmp_path / "slots") as proxy:
        await learnt(proxy)
        server.kill()
        server.start()
        first, last = begun("delta"), {"role": "user", "content": "Go on."}
        work = {"role": "assistant", "content": "This is how it went. " * 600}
        await chat(proxy, [*first, work, last])
        for name in ("one", "two", "three", "four"):
            await chat(proxy, [{"role": "user", "content": f"{name} other " * 300}], tools=None)
        await chat(proxy, begun("gamma"))
        *_, newest = await proxy.records()

    assert newest["processed_tokens"] <= size(begun("gamma")) + EDGES, newest["slot_reason"]


async def test_conversations_cost_no_more_for_what_is_learnt(
    server: StockServer, tmp_path: Path
) -> None:
    """Each goes on after the opening was saved. What one had left may have been cut by the other, and that by
    the server itself: then it reads its own text again, and no more."""
    async with proxied(server, tmp_path / "slots") as proxy:
        histories = [await chat(proxy, begun(name)) for name in ("alpha", "beta")]
        await saved(proxy)
        for history in reversed(histories):
            await chat(proxy, history)
            await proxy.records()
        *_, beta, alpha = await proxy.records()

    assert beta["processed_tokens"] <= EDGES
    assert alpha["processed_tokens"] <= size(begun("alpha")) + EDGES


async def test_a_recurrent_model_is_read_once_more_and_then_begins_warm(
    start_stock: StartStock, tmp_path: Path
) -> None:
    """It cannot go back to any token: directly, each conversation reads all."""
    (tmp_path / "slots").mkdir()
    model = write_tiny_recurrent(tmp_path / "recurrent.gguf")
    flags = ("--slot-save-path", f"{tmp_path}/slots/")
    server = start_stock(*flags, model=model, context=32768)
    async with proxied(server, tmp_path / "slots") as proxy:
        await learnt(proxy, 80)
        await chat(proxy, begun("gamma", 80))
        _, second, third = await proxy.records()

    assert second["processed_tokens"] == second["prompt_tokens"]
    assert third["restored"] == ["opening"], third["slot_reason"]
    assert third["processed_tokens"] <= size(begun("gamma", 80)) + EDGES
