"""Turns over the Responses API with a real llama-server: what is logged of them, and what it has to read."""

import asyncio
import json
from itertools import pairwise

import orjson
import pytest

from tests.fakes.llama import StartLlama, template
from tests.fakes.raw_client import Answer, exchange
from tests.fakes.running_proxy import BUSY_S, Json, RunningProxy, running_proxy, until
from tests.servers.stock import StartStock
from warmprefix.dialects.base import NoMemory
from warmprefix.dialects.responses import RESPONSES

pytestmark = pytest.mark.backend

PATH = "/v1/responses"
SAYS = r"root ::= [ ] [ ] [a-z] [a-z] [a-z] [\n] [\n]"
"""What the model is made to say: a text whose edges clients strip."""

STRICT = """\
{%- for m in messages -%}
{%- if m.role == 'system' and not loop.first -%}
{{ raise_exception('System message must be at the beginning.') }}
{%- endif -%}
<|{{ m.role }}|>
{{ m.content }}
{% endfor -%}
{%- if add_generation_prompt -%}<|assistant|>
{% endif -%}"""
LOOK: Json = {
    "type": "function",
    "name": "look",
    "description": "Look around. " * 40,
    "strict": False,
    "parameters": {"type": "object", "properties": {"where": {"type": "string"}}},
}
LOOKS: list[Json] = [
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "",
        "content": [{"type": "reasoning_text", "text": "I should look."}]},
    {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "look",
        "arguments": '{ "where": "out" }', "status": "completed"},
    {"type": "function_call_output", "call_id": "c1", "output": "a wall\n"},
]  # fmt: skip
SETS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


def said(role: str, text: str) -> Json:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


HEAD = [said("developer", "You look after a small harbour. " * 40 + "Be kind."), said("user", "Hi")]


@SETS
async def test_a_reply_whose_edges_the_client_strips_is_not_read_again(
    start_stock: StartStock, stream: bool
) -> None:
    server = start_stock()
    async with running_proxy(server.url) as proxy:
        await proxy.ready()
        history = [*HEAD]
        for number in range(3):
            text = await ask(proxy, history, stream=stream, grammar=SAYS)
            assert text != text.strip()
            history += [said("assistant", text.strip()), said("user", f"Which berth? {number}")]
        records = await proxy.records()

    check_appended(records)
    assert [record["restored"] for record in records] == [[], ["content"], ["content"]]
    assert [record["generated_tokens"] for record in records] == [8, 8, 8]


@SETS
async def test_a_tool_loop_goes_out_as_it_came(start_stock: StartStock, stream: bool) -> None:
    server = start_stock()
    async with running_proxy(server.url) as proxy:
        await proxy.ready()
        history = [*HEAD]
        for number in range(3):
            await ask(proxy, history, stream=stream, tools=[LOOK])
            called = json.loads(json.dumps(LOOKS).replace("c1", f"c{number}"))
            history += called
        records = await proxy.records()

    assert [record["rules"] for record in records] == [[], [], []]
    assert [record["restored"] for record in records] == [[], [], []]
    assert all(record["cached_tokens"] > 0 for record in records[1:])


async def test_a_conversation_keeps_its_slot_beside_another(start_llama: StartLlama) -> None:
    server = start_llama(n_parallel=2, cache_ram_mib=0)
    one, other = [*HEAD, said("user", "One")], [said("user", "Another harbour. " * 60)]
    async with running_proxy(server.url) as proxy:
        await proxy.ready()
        for number in range(2):
            for history in (one, other):
                text = await ask(proxy, history, stream=True, grammar=SAYS)
                history += [said("assistant", text), said("user", f"And {number}?")]
        records = await proxy.records()

    assert sorted(record["slot"] for record in records[2:]) == [0, 1]
    assert all(record["processed_tokens"] < 60 for record in records[2:])


async def test_a_session_like_that_of_codex_works_on_a_strict_template(
    start_stock: StartStock,
) -> None:
    """Two developer items at the head and one later: llama-server refuses each of its requests."""
    server = start_stock(chat_template=STRICT)
    history = [HEAD[0], said("developer", "Use tools."), said("user", "Hi")]
    assert (await exchange(server.url, "POST", PATH, {"input": history})).status == 400

    async with running_proxy(server.url) as proxy:
        await proxy.ready()
        for number in range(3):
            text = await ask(proxy, history, stream=True, grammar=SAYS)
            history += [said("assistant", text), said("developer", f"Mode {number}.")]
            history += [said("user", f"Which berth? {number}")]
        records = await proxy.records()

    check_appended(records)
    assert all("fold-system" in record["rules"] for record in records)


async def test_tokens_are_counted_as_they_would_be_read(start_stock: StartStock) -> None:
    server = start_stock()
    async with running_proxy(server.url) as proxy:
        await proxy.ready()
        text = await ask(proxy, HEAD, stream=False, grammar=SAYS)
        history = [*HEAD, said("assistant", text.strip()), said("user", "Which berth?")]
        counted = await exchange(proxy.url, "POST", f"{PATH}/input_tokens", {"input": history})
        await ask(proxy, history, stream=False)
        records = await proxy.records()

    assert json.loads(counted.body)["input_tokens"] == records[1]["prompt_tokens"]
    assert len(records) == 2


async def test_a_new_question_after_a_loop_is_read_ahead(start_llama: StartLlama) -> None:
    """The template drops reasoning as soon as a newer question stands behind it."""
    drops = template("chatml_drops_reasoning")
    server = start_llama(chat_template=drops, n_parallel=1, cache_ram_mib=0)
    history, sets = [*HEAD, *LOOKS * 6], {"idle_s": 0.05}
    async with running_proxy(server.url, prewarm=sets) as proxy:
        await proxy.ready()
        text = await ask(proxy, history, stream=True, grammar=SAYS)
        await until(
            lambda: all(task.get_name() != "prewarm" for task in asyncio.all_tasks()), BUSY_S
        )
        await ask(proxy, [*history, said("assistant", text), said("user", "And?")], stream=True)
        records = await proxy.records()

    assert records[1]["prewarmed_tokens"] > 200
    assert records[1]["processed_tokens"] < 60
    assert records[1]["break"] is None


BODIES: list[Json] = [
    {"input": "Hello"},
    {"instructions": "Be kind.", "input": "Hello"},
    {"instructions": None, "input": HEAD},
    {"input": [*HEAD, *LOOKS, said("user", "And?")], "tools": [LOOK, {"type": "web_search"}]},
    {"input": [*HEAD, LOOKS[0], said("assistant", " I look.\n"), *LOOKS[1:]]},
    {"input": [said("user", "Hello"), {**LOOKS[0], "content": [{"type": "reasoning_text", "text": "Or?"}]},
        *LOOKS], "tools": [{name: LOOK[name] for name in ("type", "name", "parameters")}]},
    {"input": [{"role": "user", "content": [{"type": "input_text", "text": text} for text in "ab"]}]},
]  # fmt: skip


@pytest.mark.parametrize("name", ["chatml_tools", "chatml_ids", "chatml_keeps_reasoning"])
def test_what_is_rendered_is_what_is_read(start_llama: StartLlama, name: str) -> None:
    """The chat completion that is made of a prompt has as many tokens as llama-server counts."""
    server = start_llama(chat_template=template(name))
    for body in BODIES:
        request = RESPONSES.parse(orjson.dumps(body), NoMemory(RESPONSES))
        chat = orjson.loads(RESPONSES.as_chat(request.prompt))
        text = orjson.loads(server.post("/apply-template", chat))["prompt"]
        named = {"content": text, "add_special": True, "parse_special": True}
        tokens = orjson.loads(server.post("/tokenize", named))["tokens"]

        reply = orjson.loads(server.post(PATH, {**body, "max_output_tokens": 1}))

        assert reply["usage"]["input_tokens"] == len(tokens), (body, text)


def check_appended(records: list[Json]) -> None:
    """Each turn goes on from the one before it, and only what is new is read."""
    assert [record["kind"] for record in records] == ["cold", "append", "append"]
    assert {record["conversation"] for record in records} == {records[0]["conversation"]}
    assert all(record["endpoint"] == PATH and record["outcome"] == "ok" for record in records)
    for before, record in pairwise(records):
        prompt, cached = record["prompt_tokens"], record["cached_tokens"]
        assert record["processed_tokens"] == prompt - cached
        assert cached >= before["prompt_tokens"] + before["generated_tokens"] - 1
        assert record["break"] is None
        assert not record["failed_open"]


async def ask(proxy: RunningProxy, history: list[Json], *, stream: bool, **more: object) -> str:
    body = {"model": "m", "input": history, "stream": stream, "max_output_tokens": 24, **more}
    answer = await exchange(proxy.url, "POST", PATH, body)
    assert answer.status == 200, answer.body
    return text_of(answer, stream=stream)


def text_of(answer: Answer, *, stream: bool) -> str:
    if stream:
        last = answer.body.decode().rstrip().rpartition("\ndata: ")[2]
        response = json.loads(last)["response"]
    else:
        response = json.loads(answer.body)
    (text,) = (item["content"][0]["text"] for item in response["output"])
    return str(text)
