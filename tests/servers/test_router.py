"""A router with room for one model: two chats on two models keep what they have read, in files."""

from pathlib import Path

import pytest

from tests.fakes.llama import model_file, template
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Json, RunningProxy, running_proxy
from tests.servers.stock import stock_binary
from tests.servers.stock_router import StockRouter

pytestmark = [
    pytest.mark.backend,
    pytest.mark.skipif(stock_binary() is None, reason="no llama-server; make servers"),
]
MODELS = ("one", "two")


async def chat(proxy: RunningProxy, model: str, messages: list[Json]) -> str:
    body = {"model": model, "messages": messages, "max_tokens": 4, "temperature": 0}
    answer = await exchange(proxy.url, "POST", "/v1/chat/completions", body)
    assert answer.status == 200, answer.body
    return str(answer.json()["choices"][0]["message"]["content"])


async def test_two_chats_on_two_models_find_again_what_they_have_read(
    model_folder: Path, tmp_path: Path
) -> None:
    presets = {name: {"ctx-size": "16384", "slot-save-path": f"{tmp_path}/"} for name in MODELS}
    templates = dict.fromkeys(MODELS, template("chatml_tools"))
    router = StockRouter(model_file("tiny", model_folder), presets, templates=templates, most=1)
    try:
        router.start()
        async with running_proxy(router.url) as proxy:
            await proxy.ready()
            histories = {
                name: [
                    {"role": "system", "content": f"{name} helps. " * 120},
                    {"role": "user", "content": "Begin."},
                ]
                for name in MODELS
            }
            for number in range(3):
                for name, history in histories.items():
                    reply = await chat(proxy, name, history)
                    history += [
                        {"role": "assistant", "content": reply},
                        {"role": "user", "content": f"Step {number}."},
                    ]
            records = await proxy.records()
    finally:
        router.close()

    assert [record["processed_tokens"] < 100 for record in records[2:]] == [True] * 4, [
        (record["processed_tokens"], record["slot_reason"]) for record in records
    ]
