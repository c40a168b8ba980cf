"""The real Lemonade Server behind the proxy: what is read through it is no more than what is read without it.

Lemonade passes on llama-server's own counts: `timings` in every chat completion, streamed or not. What the
proxy has evaluated besides is seen in the `/metrics` of the llama-server, which ends with the model.
"""

import asyncio
import re
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Json, running_proxy
from tests.servers.lemonade import MODELS, LemonadeServer

pytestmark = pytest.mark.backend
Start = Callable[..., LemonadeServer]
Plan = Callable[[str, LemonadeServer], Awaitable[list[int]]]
"""Sends its requests to an address; the tokens that each of them cost."""

CHAT = "/api/v1/chat/completions"
FIRST, SECOND = MODELS
SYSTEM: Json = {"role": "system", "content": ("You help with files. " * 100).strip()}
TITLE: Json = {"role": "system", "content": ("You write titles of three words. " * 10).strip()}


@dataclass
class Chat:
    """A conversation with one model, as a client keeps it. `processed`: what each of its prompts cost."""

    url: str
    model: str = FIRST
    options: Json = field(default_factory=dict)
    history: list[Json] = field(default_factory=list)
    processed: list[int] = field(default_factory=list)

    async def say(self, text: str) -> None:
        """One turn."""
        self.history.append({"role": "user", "content": text})
        processed, reply = await ask(self.url, self.model, [SYSTEM, *self.history], self.options)
        self.processed.append(processed)
        self.history.append({"role": "assistant", "content": reply})


async def ask(url: str, model: str, messages: list[Json], options: Json) -> tuple[int, str]:
    """What one request cost and what the model said."""
    body = {"model": model, "messages": messages, "max_tokens": 8, "temperature": 0, **options}
    answer = await exchange(url, "POST", CHAT, body)
    assert answer.status == 200, answer.body
    if not options.get("stream"):
        whole = answer.json()
        return whole["timings"]["prompt_n"], str(whole["choices"][0]["message"]["content"])
    *chunks, done = (event for event in answer.events() if event != ": ping")
    assert done == "[DONE]"
    deltas = [chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks]
    return chunks[-1]["timings"]["prompt_n"], "".join(deltas)


def question(number: int) -> str:
    return " ".join([f"Question {number}."] * 20)


async def session(url: str, server: LemonadeServer, **options: object) -> list[int]:
    chat = Chat(url, options=options)
    for number in range(5):
        await chat.say(question(number))
    return chat.processed


async def streamed(url: str, server: LemonadeServer) -> list[int]:
    return await session(url, server, stream=True)


async def titles(url: str, server: LemonadeServer) -> list[int]:
    """After each turn a side request with a prompt of its own takes the only slot."""
    chat, aside = Chat(url), []
    for number in range(4):
        await chat.say(question(number))
        asked = {"role": "user", "content": f"Title for: Question {number}."}
        aside.append((await ask(url, FIRST, [TITLE, asked], {}))[0])
    return chat.processed + aside


async def follow_ups(url: str, server: LemonadeServer) -> list[int]:
    """After each turn a side request that goes on from it."""
    chat, aside = Chat(url), []
    for number in range(4):
        await chat.say(question(number))
        asked = {"role": "user", "content": "Write a title of three words for this chat."}
        aside.append((await ask(url, FIRST, [SYSTEM, *chat.history, asked], {}))[0])
    return chat.processed + aside


async def swaps(url: str, server: LemonadeServer) -> list[int]:
    """The same questions to two models of which one is kept."""
    one, other = Chat(url), Chat(url, SECOND)
    await one.say(question(0))
    await other.say(question(0))
    await one.say(question(1))
    await one.say(question(2))
    assert [model["model_name"] for model in server.loaded()] == [FIRST]
    return one.processed + other.processed


async def restart(url: str, server: LemonadeServer) -> list[int]:
    chat = Chat(url)
    for number in range(4):
        if number == 2:
            anew(server)
        await chat.say(question(number))
    return chat.processed


def anew(server: LemonadeServer) -> None:
    """SIGKILL and a new start at the same address: nothing is left of what was read."""
    server.kill()
    server.start()


def evaluated(server: LemonadeServer) -> int:
    """All prompt tokens that the llama-server has evaluated, for whoever asked."""
    (model,) = server.loaded()
    with urllib.request.urlopen(model["backend_url"].removesuffix("/v1") + "/metrics") as page:
        found = re.search(rb"^llamacpp:prompt_tokens_total (\d+)", page.read(), re.MULTILINE)
    assert found is not None
    return int(found[1])


async def both(
    server: LemonadeServer, plan: Plan, *, save_path: str = ""
) -> tuple[list[int], list[int], list[Json]]:
    """What a plan costs directly and, after a new start, through the proxy; and the proxy's log."""
    direct = await plan(server.url, server)
    anew(server)
    async with running_proxy(
        server.url, backend={"kind": "auto"}, slots={"save_path": save_path}
    ) as proxy:
        through = await plan(proxy.url, server)
        return direct, through, await proxy.records()


async def both_kept(url: str, server: LemonadeServer) -> list[int]:
    """Two models that both stay in memory, each in a llama-server of its own."""
    one, other = Chat(url), Chat(url, SECOND)
    for number in range(4):
        await one.say(question(number))
        await other.say(f"Otherwise. {question(number)}")
    assert {model["model_name"] for model in server.loaded()} == {FIRST, SECOND}
    return one.processed + other.processed


PLANS: list[Plan] = [session, streamed, titles, follow_ups, swaps, restart]


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.__name__.replace("_", "-"))
async def test_what_is_read_is_no_more_than_without_the_proxy(
    plan: Plan, start_lemonade: Start
) -> None:
    direct, through, records = await both(start_lemonade(), plan)

    assert sum(through) <= sum(direct) + len(direct)
    assert sorted(record["processed_tokens"] for record in records) == sorted(through)


@pytest.mark.parametrize("plan", [session, titles, follow_ups], ids=lambda plan: plan.__name__)
async def test_the_proxy_has_nothing_evaluated_besides(plan: Plan, start_lemonade: Start) -> None:
    server = start_lemonade()
    _, through, _ = await both(server, plan)

    assert evaluated(server) == sum(through)


@pytest.mark.parametrize("slots", ["1", "4"])
async def test_two_models_that_are_kept_cost_no_more(slots: str, start_lemonade: Start) -> None:
    """Each has slots of its own: what is known of one says nothing of the other."""
    server = start_lemonade("--parallel", slots, kept=2)
    direct, through, _ = await both(server, both_kept)

    assert sum(through) <= sum(direct) + len(direct)


SAVED: list[tuple[Plan, int]] = [(session, 1), (titles, 1), (swaps, 1), (both_kept, 2)]


@pytest.mark.parametrize(("plan", "kept"), SAVED, ids=[row[0].__name__ for row in SAVED])
async def test_slots_that_are_saved_cost_no_more_than_the_cache_in_ram(
    plan: Plan, kept: int, start_lemonade: Start, tmp_path: Path
) -> None:
    folder = f"{tmp_path}/"
    server = start_lemonade("--slot-save-path", folder, kept=kept)
    direct, through, _ = await both(server, plan, save_path=folder)

    assert sum(through) <= sum(direct) + len(direct)


async def test_one_with_a_key_is_known_before_any_request_has_brought_it(
    start_lemonade: Start,
) -> None:
    """A browser's Origin does not reach it, whatever the proxy may ask."""
    server = start_lemonade(environment={"LEMONADE_API_KEY": "k"})
    headers = [("Authorization", "Bearer k"), ("Origin", "http://my-box.local:3000")]
    async with running_proxy(server.url, backend={"kind": "auto"}) as proxy:
        answer = await exchange(proxy.url, "GET", "/v1/models", headers=headers)

        assert proxy.app.known.name == "lemonade"
    assert answer.status == 200


CHANGES = [
    ("/api/v1/delete", {"model_name": FIRST}),
    ("/api/v1/pull", {"model_name": FIRST}),
    ("/api/v1/unload", {}),
    ("/internal/shutdown", {}),
]


@pytest.mark.parametrize(("path", "body"), CHANGES)
async def test_what_it_refuses_a_foreign_page_is_refused_through_the_proxy(
    path: str, body: Json, start_lemonade: Start
) -> None:
    """A page may send it as text without asking first. What a page of the proxy asks for both allow."""
    server = start_lemonade()
    foreign = [("Origin", "http://evil.example"), ("Content-Type", "text/plain")]
    async with running_proxy(server.url, backend={"kind": "auto"}) as proxy:
        urls = (server.url, proxy.url)
        refused = [await exchange(url, "POST", path, body, foreign) for url in urls]
        own = [("Origin", proxy.url)]
        asked = [await exchange(url, "POST", "/api/v1/unload", {}, own) for url in urls]

    assert [answer.status for answer in refused] == [403, 403]
    assert asked[0].status == asked[1].status != 403
    models = [model["id"] for model in server.get("/api/v1/models")["data"]]
    assert set(MODELS) <= set(models)


async def test_thinking_that_is_switched_off_costs_less_than_without_the_proxy(
    start_lemonade: Start,
) -> None:
    """Lemonade marks the last user message, so each turn is read again from the one before."""

    async def plan(url: str, server: LemonadeServer) -> list[int]:
        return await session(url, server, enable_thinking=False)

    direct, through, _ = await both(start_lemonade(), plan)

    assert all(mine < its for mine, its in zip(through[1:], direct[1:], strict=True))


@pytest.mark.parametrize("clients", [1, 8])
async def test_no_streamed_request_fails(clients: int, start_lemonade: Start) -> None:
    """It closes a kept connection after every second stream and announces the contrary."""
    server = start_lemonade()

    async def client(number: int, url: str) -> None:
        for turn in range(120 // clients):
            asked = [{"role": "user", "content": f"Question {turn} of {number}."}]
            await ask(url, FIRST, asked, {"stream": True})

    async with running_proxy(server.url, backend={"kind": "auto"}) as proxy:
        await asyncio.gather(*(client(number, proxy.url) for number in range(clients)))


async def test_its_llama_server_is_found_and_has_one_slot(start_lemonade: Start) -> None:
    """Any unprefixed path is answered 200 there, with a page of HTML."""
    server = start_lemonade()
    async with running_proxy(server.url, backend={"kind": "auto"}) as proxy:
        await session(proxy.url, server)
        records = await proxy.records()
        known = proxy.app.known

        assert known.name == "lemonade"
        assert len(known.slots) == 1
        assert known.start is not None
        assert known.start.model == server.loaded()[0]["checkpoint"]
    assert {record["slot"] for record in records} == {None}


OFF: list[Json] = [{"enable_thinking": False}, {"thinking": {"type": "disabled"}}]
WORDS: Json = {"role": "user", "content": "Hello there."}
ENDPOINTS: list[tuple[str, Json]] = [
    ("/v1/messages", {"messages": [WORDS], "max_tokens": 2}),
    ("/v1/responses", {"input": [WORDS], "max_output_tokens": 2}),
]


@pytest.mark.parametrize(("path", "body"), ENDPOINTS)
async def test_thinking_that_is_off_adds_no_text_on_the_other_endpoints(
    start_lemonade: Start, path: str, body: Json
) -> None:
    """It does so in chat completions alone, so there is nothing to be replaced here."""
    server = start_lemonade()
    counts = []
    for more in ({}, *OFF):
        answer = await exchange(server.url, "POST", path, {"model": FIRST, **body, **more})
        assert answer.status == 200, answer.body
        counts.append(answer.json()["usage"]["input_tokens"])
    chat = {"model": FIRST, "messages": [WORDS], "max_tokens": 2, **OFF[0]}
    inserted = (await exchange(server.url, "POST", CHAT, chat)).json()["usage"]["prompt_tokens"]

    assert counts == [counts[0]] * 3
    assert inserted > counts[0]
