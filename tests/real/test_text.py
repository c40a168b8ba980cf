"""Text completions with a real llama-server: what is logged of them, what it reads, where they run."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Json, running_proxy, until
from tests.servers.stock import StartStock

pytestmark = pytest.mark.backend

SAYS = " Berth four is free.\n"
"""What the model is made to say."""

GRAMMAR = r'root ::= " Berth four is free.\n"'
PATHS = {"own": "/completion", "plural": "/completions", "openai": "/v1/completions"}
CARD = "You look after a small harbour. A guest asks, you answer.\n" * 30
OWN_CARDS = {name: CARD.replace("small harbour", f"harbour of {name}") for name in ("Ann", "Ben")}
CHAT: Json = {
    "messages": [{"role": "user", "content": "Who looks after the harbour? " * 40}],
    "max_tokens": 4,
    "temperature": 0,
}
ENDPOINTS = pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
STREAMS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


async def complete(url: str, path: str, prompt: object, **more: object) -> tuple[str, Json]:
    """What the model says, whichever way it comes, and the object with the counts."""
    limits = {"n_predict": 40, "max_tokens": 40, "temperature": 0, "grammar": GRAMMAR}
    answer = await exchange(url, "POST", path, {"prompt": prompt, **limits, **more})
    assert answer.status == 200, answer.body
    parts = [one for one in answer.events() if isinstance(one, dict)] if more.get("stream") else []
    parts = parts or [answer.json()]
    choices = [one for part in parts for one in part.get("choices", [part])]
    said = "".join(one["text" if "text" in one else "content"] for one in choices)
    return said, parts[-1]


class Talk:
    """A text that grows by what the model says and by what its user writes."""

    def __init__(self, name: str, path: str, card: str, **options: object) -> None:
        self.text = f"{card}\n{name}: Is a berth free?\nYou:"
        self.name, self.path, self.options = name, path, options

    async def turn(self, url: str) -> Json:
        said, last = await complete(url, self.path, self.text, **self.options)
        assert said == SAYS
        self.text += f"{said}{self.name}: And another one? {len(self.text)}\nYou:"
        return last


async def take_turns(url: str, path: str, *, stream: bool, cards: Sequence[str]) -> list[int]:
    """Two texts and a chat; the tokens that each request has cost."""
    names = ("Ann", "Ben")
    talks = [Talk(n, path, c, stream=stream) for n, c in zip(names, cards, strict=True)]
    costs = []
    for _ in range(3):
        costs += [(await talk.turn(url))["timings"]["prompt_n"] for talk in talks]
        answer = await exchange(url, "POST", "/v1/chat/completions", CHAT)
        costs.append(answer.json()["timings"]["prompt_n"])
    return costs


CARDS = pytest.mark.parametrize(
    "cards",
    [
        pytest.param((CARD, CARD), id="one-card"),
        pytest.param([*OWN_CARDS.values()], id="own-cards"),
    ],
)
FLAGS = pytest.mark.parametrize(
    "flags",
    [(), ("-np", "2"), ("-np", "3", "--cache-ram", "0")],
    ids=["no-flags", "two-slots", "no-ram-cache"],
)


@FLAGS
@CARDS
async def test_texts_and_a_chat_cost_no_more_than_without_us(
    start_stock: StartStock, cards: Sequence[str], flags: Sequence[str]
) -> None:
    direct = await take_turns(start_stock(*flags).url, "/completion", stream=False, cards=cards)
    async with running_proxy(start_stock(*flags).url) as proxy:
        await proxy.ready()
        through = await take_turns(proxy.url, "/completion", stream=False, cards=cards)

    assert sum(through) <= sum(direct) + len(direct)


@STREAMS
@ENDPOINTS
async def test_each_turn_has_its_line(start_stock: StartStock, path: str, stream: bool) -> None:
    async with running_proxy(start_stock().url) as proxy:
        await proxy.ready()
        cards = list(OWN_CARDS.values())
        costs = await take_turns(proxy.url, path, stream=stream, cards=cards)
        records = await proxy.records()

    texts = [record for record in records if record["endpoint"] == path]
    assert [record["processed_tokens"] for record in records] == costs
    assert [record["kind"] for record in texts] == ["cold"] * 2 + ["append"] * 4
    assert [record["index"] for record in texts] == [0, 0, 1, 1, 2, 2]
    ann, ben = (texts[at]["conversation"] for at in (0, 1))
    assert [record["conversation"] for record in texts] == [ann, ben] * 3
    for at, record in enumerate(texts):
        assert record["generated_tokens"] == len(SAYS) + 1
        assert record["prompt_tokens"] == record["prompt_characters"]  # a token is a byte
        assert record["prompt_tokens"] == record["cached_tokens"] + record["processed_tokens"]
        assert record["stream"] is stream
        assert (record["ttft_ms"] is not None) is stream
        assert (record["rules"], record["restored"], record["failed_open"]) == ([], [], None)
        assert record["break"] is None
        if at > 1:
            before = texts[at - 2]
            assert record["prefix_characters"] == before["prompt_characters"]
            assert record["cached_tokens"] >= before["prompt_tokens"] + len(SAYS)


async def test_a_text_keeps_its_slot(start_stock: StartStock) -> None:
    server = start_stock("-np", "2")
    async with running_proxy(server.url) as proxy:
        await proxy.ready()
        ran, talk = [], Talk("Ann", "/completion", CARD)
        for _ in range(4):
            ran.append((await talk.turn(proxy.url))["id_slot"])
            await proxy.records()
            await asyncio.sleep(0.05)  # the proxy looks at the slots
        records = await proxy.records()
        own = (await exchange(proxy.url, "GET", "/warmprefix/api/slots")).json()

    assert len(set(ran)) == 1
    assert [record["slot"] for record in records[2:]] == ran[2:]
    assert {record["slot_reason"] for record in records[2:]} == {"holds this conversation"}
    conversation = records[0]["conversation"]
    held = [slot["slot"] for slot in own["slots"] if slot["conversation"] == conversation]
    assert held == ran[:1]


@pytest.mark.parametrize("path", ["/completion", "/v1/completions"], ids=["own", "openai"])
async def test_what_runs_in_a_slot_that_the_client_names_is_known(
    start_stock: StartStock, path: str
) -> None:
    """The server takes the remainder: of two slots, 3 is the second one."""
    server = start_stock("-np", "2")
    async with running_proxy(server.url) as proxy:
        await proxy.ready()
        await complete(proxy.url, path, CARD, id_slot=3)
        record = await proxy.record()
        await asyncio.sleep(0.05)  # the proxy looks at the slots
        page = (await exchange(proxy.url, "GET", "/warmprefix/api/slots")).json()

    assert (record["slot"], record["slot_reason"]) == (None, "the client has named a slot")
    assert [slot["conversation"] for slot in page["slots"]] == [None, record["conversation"]]


async def test_a_saved_text_outlives_a_restart(start_stock: StartStock, tmp_path: Path) -> None:
    server = start_stock("-np", "2", "--slot-save-path", str(tmp_path))
    slots = {"save_path": str(tmp_path), "save_idle_s": 0.1, "min_save_tokens": 100}
    async with running_proxy(server.url, slots=slots, prewarm={"mode": "off"}) as proxy:
        await proxy.ready()
        talk = Talk("Ann", "/completion", CARD)
        await talk.turn(proxy.url)
        await until(lambda: any(tmp_path.glob("*.bin")))
        await talk.turn(proxy.url)
        await until(lambda: len(list(tmp_path.glob("*.bin"))) == 1)
        server.restart()
        await talk.turn(proxy.url)
        records = await proxy.records()

    assert records[2]["slot_reason"].startswith("restored ")
    assert records[2]["cached_tokens"] > 0.9 * records[1]["prompt_tokens"]


async def test_several_prompts_in_one_body_are_counted(start_stock: StartStock) -> None:
    server = start_stock()
    async with running_proxy(server.url) as proxy:
        await proxy.ready()
        prompts = [CARD, "And this one is short."]
        answer = await exchange(
            proxy.url, "POST", "/completion", {"prompt": prompts, "n_predict": 3}
        )
        record = await proxy.record()

    assert len(answer.json()) == 2
    assert record["prompt_tokens"] == sum(map(len, prompts))
    assert record["failed_open"] == ["not-understood"]
    assert (record["conversation"], record["slot_reason"]) == (None, None)
