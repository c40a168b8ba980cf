"""What a Lemonade Server says of its models. tests/cli/test_doctor_lemonade.py tells what follows from it."""

from typing import Any

import pytest

from tests.fakes.pages import serving, status
from warmprefix.backends.ask_lemonade import ask_lemonade
from warmprefix.backends.client import Asker
from warmprefix.core.doctor.facts import LemonadeFacts, LoadedModel

HEALTH, MODELS, CONFIG = "/api/v1/health", "/api/v1/models", "/internal/config"


async def told(pages: dict[str, Any], *, is_local: bool = True) -> LemonadeFacts:
    async with serving(pages) as backend, Asker() as client:
        return await ask_lemonade(client, backend.url, is_local=is_local)


def llm(**members: Any) -> dict[str, Any]:
    return {"type": "llm", "model_name": "m", "recipe": "llamacpp", **members}


FACTS: list[tuple[str, dict[str, Any], LemonadeFacts]] = [
    ("nothing", {}, LemonadeFacts()),
    ("version", {HEALTH: {"version": "11.7.0"}}, LemonadeFacts(version="11.7.0")),
    ("limit", {HEALTH: {"max_models": {"llm": 2}}}, LemonadeFacts(limit=2)),
    ("no-limit", {HEALTH: {"max_models": {"llm": -1}}}, LemonadeFacts(limit=-1)),
    ("odd-limit", {HEALTH: {"max_models": 2}}, LemonadeFacts()),
    ("evicts", {CONFIG: {"auto_evict": True}}, LemonadeFacts(auto_evict=True)),
    ("keeps", {CONFIG: {"auto_evict": False}}, LemonadeFacts(auto_evict=False)),
    ("odd-evicts", {CONFIG: {"auto_evict": 1}}, LemonadeFacts()),
    ("admin-key", {CONFIG: status(401)}, LemonadeFacts()),
]


@pytest.mark.parametrize(
    ("pages", "facts"), [row[1:] for row in FACTS], ids=[row[0] for row in FACTS]
)
async def test_what_it_says(pages: dict[str, Any], facts: LemonadeFacts) -> None:
    assert await told(pages) == facts


async def test_where_it_runs_is_the_callers_to_say() -> None:
    assert (await told({}, is_local=False)).is_local is False


COUNTED: list[tuple[str, list[Any], int]] = [
    ("language", [{"recipe": "llamacpp"}, {"recipe": "flm"}, {"recipe": "vllm"}], 3),
    ("speech", [{"recipe": "whispercpp"}], 0),
    ("embeddings", [{"recipe": "llamacpp", "labels": ["embeddings"]}], 0),
    ("reranking", [{"recipe": "llamacpp", "labels": ["x", "reranking"]}], 0),
    ("other-labels", [{"recipe": "llamacpp", "labels": ["vision", 1]}], 1),
    ("odd-labels", [{"recipe": "llamacpp", "labels": "embeddings"}], 1),
    ("nameless", [{}, 1], 0),
]


@pytest.mark.parametrize(
    ("models", "count"), [row[1:] for row in COUNTED], ids=[row[0] for row in COUNTED]
)
async def test_models_that_chat_are_counted(models: list[Any], count: int) -> None:
    assert (await told({MODELS: {"data": models}})).available == count


LOADED: list[tuple[str, list[Any], tuple[LoadedModel, ...]]] = [
    (
        "whole",
        [llm(backend_url="http://b:1/v1", launch_command=["llama-server", "-np", "1"])],
        (LoadedModel("m", "llamacpp", "http://b:1", ("llama-server", "-np", "1")),),
    ),
    (
        "used-last-first",
        [llm(model_name="a", last_use=1), llm(model_name="b", last_use=2.5), llm(model_name="c")],
        tuple(LoadedModel(name, "llamacpp") for name in "bac"),
    ),
    ("other-types", [llm(type="audio"), 7], ()),
    (
        "nameless",
        [{"type": "llm"}],
        (LoadedModel("a model without a name", "something unknown"),),
    ),
    (
        "odd-command",
        [llm(launch_command=[1, "-np"])],
        (LoadedModel("m", "llamacpp", None, ("-np",)),),
    ),
    ("command-is-text", [llm(launch_command="-np")], (LoadedModel("m", "llamacpp"),)),
]


@pytest.mark.parametrize(
    ("models", "loaded"), [row[1:] for row in LOADED], ids=[row[0] for row in LOADED]
)
async def test_which_models_are_loaded(models: list[Any], loaded: tuple[LoadedModel, ...]) -> None:
    assert (await told({HEALTH: {"all_models_loaded": models}})).loaded == loaded
