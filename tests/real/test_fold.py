"""Instructions behind the beginning, on a template that wants them in front: a stock server refuses them, and
takes them through the proxy, where every turn is a full hit."""

import json
from typing import Any

import pytest

from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import running_proxy
from tests.servers.stock import StartStock, stock_binary

pytestmark = [
    pytest.mark.backend,
    pytest.mark.skipif(stock_binary() is None, reason="no llama-server; make servers"),
]
CHAT = "/v1/chat/completions"
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
SHOWS = STRICT.replace("not loop.first", "false")
DROPS = """\
{%- for m in messages -%}
{%- if m.role != 'system' or loop.first -%}
<|{{ m.role }}|>
{{ m.content }}
{% endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}<|assistant|>
{% endif -%}"""


def asking(messages: list[dict[str, Any]]) -> dict[str, Any]:
    return {"messages": messages, "max_tokens": 8, "temperature": 0}


def said(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "content": content}


OPENING = [said("system", "Be brief. " * 40), said("developer", "Use tools."), said("user", "One?")]


async def test_a_client_that_was_refused_on_every_request_works(start_stock: StartStock) -> None:
    server = start_stock(chat_template=STRICT)
    assert (await exchange(server.url, "POST", CHAT, asking(OPENING))).status == 400

    async with running_proxy(server.url) as proxy:
        await proxy.ready()
        history = list(OPENING)
        for number in range(4):
            answer = await exchange(proxy.url, "POST", CHAT, asking(history))
            assert answer.status == 200, answer.body
            reply = json.loads(answer.body)["choices"][0]["message"]["content"]
            history += [said("assistant", reply), said("user", f"And {number}?")]
            history += [said("system", f"The time is {number}.")]
        records = await proxy.records()

    assert all("fold-system" in record["rules"] for record in records)
    assert [record["kind"] for record in records] == ["cold", "append", "append", "append"]
    for record, before in zip(records[1:], records, strict=False):
        left = before["prompt_tokens"] + before["generated_tokens"] - 1
        assert record["cached_tokens"] >= left - 1


async def test_what_a_template_left_out_is_said(start_stock: StartStock) -> None:
    server = start_stock(chat_template=DROPS)
    messages = [*OPENING, said("assistant", "A"), said("user", "B"), said("system", "word " * 50)]
    direct = json.loads((await exchange(server.url, "POST", CHAT, asking(messages))).body)

    async with running_proxy(server.url) as proxy:
        await proxy.ready()
        through = json.loads((await exchange(proxy.url, "POST", CHAT, asking(messages))).body)

    assert through["usage"]["prompt_tokens"] > direct["usage"]["prompt_tokens"] + 200


@pytest.mark.parametrize("how", ["taken", "disabled"])
async def test_nothing_is_folded_for_a_template_that_shows_it_or_if_it_is_off(
    start_stock: StartStock, how: str
) -> None:
    server = start_stock(chat_template=STRICT if how == "disabled" else SHOWS)
    off = ["fold-system"] if how == "disabled" else []

    async with running_proxy(server.url, canonicalize={"disable": off}) as proxy:
        await proxy.ready()
        answer = await exchange(proxy.url, "POST", CHAT, asking(OPENING))
        record = await proxy.record()

    assert answer.status == (400 if how == "disabled" else 200)
    assert "fold-system" not in record["rules"]


async def test_a_first_request_waits_until_the_template_is_known(start_stock: StartStock) -> None:
    """Its client gives up at the first refusal."""
    server = start_stock(chat_template=STRICT)

    async with running_proxy(server.url) as proxy:
        answer = await exchange(proxy.url, "POST", CHAT, asking(OPENING))

    assert answer.status == 200, answer.body
