"""Never worse: a real llama-server processes no more tokens with the proxy in front than without it.

Every pair of the corpus is played as a conversation that grows message by message, its assistant
messages being the model's replies, and then sent again as its client sends it later. One token a request
is allowed for: a full match still evaluates one. All counts are llama-server's.
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from bench.sessions.changes import Change
from bench.sessions.client import Client
from bench.sessions.families import FAMILIES
from bench.sessions.noises import GOALS, NOISES, Noise
from bench.sessions.script import Json, load_script
from bench.sessions.scripted_model import Count, ScriptedModel
from bench.sessions.wire import post
from tests.corpus_pairs import PAIRS, Pair
from tests.fakes.llama import LlamaServer
from tests.fakes.running_proxy import running_proxy

pytestmark = pytest.mark.backend

LAST: Json = {"role": "assistant", "content": "Done."}
CHATML = FAMILIES[0]


def generated(message: Json) -> str:
    """A reply as a model of this template writes it, which spells JSON as its template does.

    The corpus has the spelling of the wire; were it taken for the model's own, no call could ever be
    read from the cache, and a proxy that destroyed one would not be noticed.
    """
    calls = [spelled(call) for call in message.get("tool_calls") or ()]
    content = message.get("content")
    return CHATML.generated(
        {"content": content if isinstance(content, str) else "", "tool_calls": calls}
    )


def spelled(call: Json) -> Json:
    function = call["function"]
    try:
        text = json.dumps(json.loads(function["arguments"]), ensure_ascii=False)
    except (ValueError, TypeError):  # arguments that a client could not parse either
        text = str(function.get("arguments") or "")
    return {**call, "function": {**function, "arguments": text}}


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaServer]:
    """One slot and no other cache: what is lost is lost."""
    folder = tmp_path_factory.mktemp("never-worse")
    server = LlamaServer(folder, n_parallel=1, cache_ram_mib=0, slot_save_path=folder)
    yield server.start()
    server.stop()


@dataclass(frozen=True)
class Played:
    """What llama-server said to one conversation."""

    counts: tuple[Count, ...]
    refused: int

    @property
    def processed(self) -> int:
        """Tokens evaluated for all prompts."""
        return sum(count.processed_tokens for count in self.counts)


def play(model: ScriptedModel, url: str, pair: Pair) -> Played:
    """The pair's conversation, sent to `url`; the slot is empty before it."""
    post(f"{model.backend}/slots/0?action=erase", {})
    model.counts.clear()
    model.refused = 0
    replies = [at for at, message in enumerate(pair.a) if message.get("role") == "assistant" and at]
    for at in replies:
        ask(model, url, pair.a[:at], pair.a_tools, pair.a[at])
    ask(model, url, pair.a, pair.a_tools, LAST)
    ask(model, url, pair.b, pair.b_tools, LAST)
    return Played(tuple(model.counts), model.refused)


def ask(model: ScriptedModel, url: str, messages: list[Json], tools: Any, reply: Json) -> None:
    """One request; a refusal is counted by the model."""
    body: Json = {"model": "scripted", "messages": messages}
    model.expect("main", reply)
    post(f"{url}/v1/chat/completions", body if tools is None else {**body, "tools": tools})


@pytest.fixture
def model(llama: LlamaServer) -> Iterator[ScriptedModel]:
    scripted = ScriptedModel(llama.url, generated)
    yield scripted
    scripted.close()


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.id)
async def test_a_conversation_costs_no_more_through_the_proxy(
    pair: Pair, model: ScriptedModel
) -> None:
    direct = await asyncio.to_thread(play, model, model.url, pair)
    async with running_proxy(model.url) as proxy:
        through = await asyncio.to_thread(play, model, proxy.url, pair)

    assert through.refused <= direct.refused
    if not direct.refused:  # else the two are not the same conversation any more
        assert len(through.counts) == len(direct.counts)
        assert through.processed <= direct.processed + len(direct.counts)


SCRIPT = load_script("operations").first(3)
KEEPS = FAMILIES[1]
WITH_GOAL = [noise for noise in NOISES if noise.risk in ("lossless", "neutral", "meaning")]


@pytest.fixture(scope="module")
def keeps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScriptedModel]:
    """A model whose template shows all reasoning, in one slot without another cache."""
    folder = tmp_path_factory.mktemp("goals")
    server = LlamaServer(
        folder,
        chat_template=KEEPS.template,
        n_parallel=1,
        cache_ram_mib=0,
        slot_save_path=folder,
    ).start()
    scripted = ScriptedModel(server.url, KEEPS.generated)
    yield scripted
    scripted.close()
    server.stop()


def session(model: ScriptedModel, url: str, change: Change) -> int:
    """Tokens processed for a session of three user turns, sent to `url` with that change."""
    post(f"{model.backend}/slots/0?action=erase", {})
    model.counts.clear()
    Client([url], model, SCRIPT, change, reasoning=True).play()
    return sum(count.processed_tokens for count in model.counts)


@pytest.mark.parametrize("noise", WITH_GOAL, ids=lambda noise: noise.name.replace(" ", "-"))
async def test_a_noise_costs_no_more_than_its_class_allows(
    noise: Noise, keeps: ScriptedModel
) -> None:
    """The short version of `python -m bench sessions`, which also has other templates and no proxy."""
    clean = await asyncio.to_thread(session, keeps, keeps.url, noise.clean)
    async with running_proxy(keeps.url, canonicalize={"enable": noise.enable}) as proxy:
        await proxy.ready()
        through = await asyncio.to_thread(session, keeps, proxy.url, noise.change)

    assert through <= clean * GOALS[noise.risk]
