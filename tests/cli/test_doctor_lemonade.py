"""`warmprefix doctor` on Lemonade Server: a double of it, and scripted ones with a llama-server behind."""

import asyncio

import pytest

from tests.cli.doctoring import PROPS, Pages, examined, levels, of_pages, serving
from tests.fakes.lemonade import LemonadeDouble, LemonadeOptions
from tests.fakes.lemonade_shapes import VERSION
from tests.fakes.scripted_replies import json_response


async def test_a_lemonade_without_a_model_is_told_to_load_one() -> None:
    async with LemonadeDouble() as lemonade:
        body = await asyncio.to_thread(examined, lemonade.url)
    found = levels(body)

    assert found[f"Lemonade Server {VERSION}"] == "good"
    assert found["No language model is loaded"] == "note"
    assert found["One language model at a time, out of 2"] == "note"
    assert found["It is unknown whether idle models lose their cache (auto_evict)"] == "note"
    assert body["status"] == 0


async def test_a_lemonade_with_a_key_is_asked_with_it() -> None:
    async with LemonadeDouble(LemonadeOptions(api_key="k")) as lemonade:
        without = await asyncio.to_thread(examined, lemonade.url)
        given = await asyncio.to_thread(examined, lemonade.url, "--api-key", "k")

    assert without["status"] == 1
    assert levels(without) == {
        "Lemonade Server of an unknown version": "good",
        "It wants an API key, so nothing below could be asked": "bad",
    }
    assert levels(given)[f"Lemonade Server {VERSION}"] == "good"


Loaded = dict[str, object]


def lemonade_pages(*loaded: Loaded, auto_evict: bool = False) -> Pages:
    """A Lemonade Server that holds these models."""
    health = {"version": "11.7.0", "all_models_loaded": loaded, "max_models": {"llm": -1}}
    return {
        "/api/v1/health": json_response(health),
        "/api/v1/models": json_response(
            {"data": [{"recipe": r} for r in ("llamacpp", "flm", "sd-cpp")]}
        ),
        "/internal/config": json_response({"auto_evict": auto_evict}),
    }


def loaded(url: str, **changes: object) -> Loaded:
    """A model behind `url`."""
    command = ["llama-server", "-m", "x.gguf", "--cache-ram", "0"]
    model = {"model_name": "m", "recipe": "llamacpp", "type": "llm", "last_use": 5}
    return {**model, "backend_url": f"{url}/v1", "launch_command": command, **changes}


async def test_the_llama_server_used_last_behind_lemonade_is_asked() -> None:
    """Its command line is in Lemonade's health: there the cache in RAM shows."""
    async with serving({"/props": json_response(PROPS)}) as behind:
        pages = lemonade_pages(
            loaded("http://127.0.0.1:1", model_name="older", last_use=1),
            loaded("http://127.0.0.1:1", model_name="embedder", type="embedding", last_use=9),
            loaded(behind.url),
            auto_evict=True,
        )
        body = await of_pages(pages)
    found = levels(body)

    assert found["Loaded: m, older"] == "good"
    assert found["2 slots of 32,768 tokens each"] == "good"
    assert found["The cache of prompts in RAM is switched off"] == "bad"
    assert found["Room for any number of language models at a time"] == "good"
    assert found["Idle models lose their cache (auto_evict is on)"] == "bad"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "http://192.0.2.1:8001", "http://example.invalid"]
)
async def test_only_this_machine_is_asked_behind_lemonade(url: str) -> None:
    """A health page must not make doctor ask addresses of its choice."""
    body = await of_pages(lemonade_pages(loaded(url)))

    assert levels(body)["The llama-server behind it did not answer"] == "note"


async def test_a_model_on_another_engine_has_no_llama_server() -> None:
    body = await of_pages(lemonade_pages(loaded("http://127.0.0.1:1", recipe="flm")))

    assert levels(body)["m runs on flm, not on llama-server"] == "note"
    assert body["facts"]["server"] is None
