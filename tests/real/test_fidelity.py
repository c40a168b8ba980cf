"""A real llama-server answers through the proxy as it does directly: bytes, statuses, errors."""

import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.fakes.llama import LlamaServer
from tests.fakes.raw_client import Answer, exchange
from tests.fakes.running_proxy import Json, running_proxy

pytestmark = pytest.mark.backend

CHAT = "/v1/chat/completions"
MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Tell me, in a few words, what you see."},
]
CHANCE = re.compile(
    rb'("id":"|"item_id":"|"created":|_at":|_(?:per_)?(?:token_)?(?:ms|second)":)[\w.+-]*'
)
"""What differs between two runs of the same request: ids, the clock, and measured times."""


def without_chance(answer: Answer) -> bytes:
    """The body with ids, moments and durations taken out."""
    return CHANCE.sub(rb"\1", answer.body)


@dataclass(frozen=True)
class Case:
    """A request that has one answer: greedy, or by a seed, and without the cache of an earlier one."""

    id: str
    fields: Json = field(default_factory=dict)
    messages: list[Json] = field(default_factory=lambda: MESSAGES)
    status: int = 200


TOOL = {
    "type": "function",
    "function": {"name": "f", "description": "d", "parameters": {"type": "object"}},
}
CALLED: Any = [
    *MESSAGES,
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {
                "id": "c1",
                "type": "function",
                "function": {"name": "f", "arguments": '{"b":1,"a":2}'},
            }
        ],
    },
    {"role": "tool", "content": "3", "tool_call_id": "c1", "name": "f"},
]

CASES = [
    Case("whole"),
    Case("stream", {"stream": True}),
    Case("stream-usage", {"stream": True, "stream_options": {"include_usage": True}}),
    Case("timings-per-token", {"stream": True, "timings_per_token": True}),
    Case("progress", {"stream": True, "return_progress": True}),
    Case("verbose", {"verbose": True, "id_slot": 0}),
    Case("verbose-stream", {"verbose": True, "id_slot": 0, "stream": True}),
    Case("sampled", {"temperature": 1.5, "seed": 7}),
    Case("sampled-stream", {"temperature": 1.5, "seed": 7, "stream": True}),
    Case("logprobs", {"logprobs": True, "top_logprobs": 3}),
    Case("logprobs-stream", {"logprobs": True, "top_logprobs": 3, "stream": True}),
    Case("stop", {"stop": ["a", "e", "o"]}),
    Case("json", {"response_format": {"type": "json_object"}}),
    Case("grammar", {"grammar": 'root ::= "yes" | "no"', "stream": True}),
    Case("one-token", {"max_tokens": 1}),
    Case("tools-offered", {"tools": [TOOL]}),
    Case("tool-loop", {"tools": [TOOL], "stream": True}, CALLED),
    Case("two-choices", {"n": 2}),
    Case("non-ascii", messages=[{"role": "user", "content": "é\u2028\U0001f600"}]),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_a_reply_is_the_same_byte_for_byte(case: Case, tiny_llama: LlamaServer) -> None:
    """But for ids, the clock and measured times; and with the same headers."""
    common = {"max_tokens": 8, "temperature": 0, "seed": 1, "cache_prompt": False}
    body = {"messages": case.messages, **common, **case.fields}
    async with running_proxy(tiny_llama.url) as proxy:
        direct = await exchange(tiny_llama.url, "POST", CHAT, body)
        through = await exchange(proxy.url, "POST", CHAT, body)
        record = await proxy.record()

    assert direct.status == through.status == case.status
    assert without_chance(through) == without_chance(direct)
    assert through.complete
    assert kept_headers(through) == kept_headers(direct)
    assert record["outcome"] == "ok"
    assert record["prompt_tokens"] is not None


def kept_headers(answer: Answer) -> list[tuple[str, str]]:
    """Headers of the message, not of the connection; a length changes with the digits of times."""
    dropped = ("connection", "keep-alive", "transfer-encoding", "content-length")
    pairs = [(name.lower(), value) for name, value in answer.headers]
    return [pair for pair in pairs if pair[0] not in dropped]


@dataclass(frozen=True)
class Wrong:
    """A request that llama-server refuses; with which status depends on its version."""

    id: str
    body: object = None
    method: str = "POST"
    path: str = CHAT


USER = [{"role": "user", "content": "hi"}]
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
WRONG = [
    Wrong("no-messages", {"model": "tiny"}),
    Wrong("messages-no-array", {"messages": "hi"}),
    Wrong("no-role", {"messages": [{"content": "hi"}]}),
    Wrong("no-json", b'{"messages": ['),
    Wrong("empty", b""),
    Wrong("no-object", b"[1]"),
    Wrong("not-utf-8", b'{"messages":[{"role":"user","content":"\xff"}]}'),
    Wrong("unknown-role-type", {"messages": [{"role": 7, "content": "hi"}]}),
    Wrong("context-overflow", {"messages": [{"role": "user", "content": "x" * 40_000}]}),
    Wrong(
        "context-overflow-stream",
        {"messages": [{"role": "user", "content": "x" * 40_000}], "stream": True},
    ),
    Wrong("too-many-choices", {"messages": USER, "n": 3}),
    Wrong("bad-grammar", {"messages": USER, "grammar": "root ::= ("}),
    Wrong("grammar-and-tools", {"messages": USER, "grammar": 'root ::= "a"', "tools": [TOOL]}),
    Wrong("picture", {"messages": [{"role": "user", "content": [PICTURE]}]}),
    Wrong("bad-temperature", {"messages": USER, "temperature": "hot"}),
    Wrong("unknown-path", {}, path="/v1/nothing"),
    Wrong("unknown-get", None, "GET", "/v1/chat/completions/x"),
    Wrong("get-chat", None, "GET"),
    Wrong("embeddings-off", {"input": "x"}, path="/v1/embeddings"),
]


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case.id)
async def test_an_error_is_the_same_as_without_the_proxy(
    case: Wrong, tiny_llama: LlamaServer
) -> None:
    async with running_proxy(tiny_llama.url) as proxy:
        direct = await exchange(tiny_llama.url, case.method, case.path, case.body)
        through = await exchange(proxy.url, case.method, case.path, case.body)
        records = await proxy.records()

    assert (through.status, through.body) == (direct.status, direct.body)
    assert through.status >= 400
    assert kept_headers(through) == kept_headers(direct)
    is_chat = case.path == CHAT and case.method == "POST"
    assert [record["outcome"] for record in records] == (["backend_error"] if is_chat else [])


NULLS: list[tuple[str, Json]] = [
    ("name", {"role": "user", "content": "hi", "name": None}),
    ("tool_call_id", {"role": "user", "content": "hi", "tool_call_id": None}),
    ("reasoning_content", {"role": "user", "content": "hi", "reasoning_content": None}),
]


@pytest.mark.parametrize("message", [row[1] for row in NULLS], ids=[row[0] for row in NULLS])
async def test_a_null_that_is_a_500_directly_succeeds(
    message: Json, tiny_llama: LlamaServer
) -> None:
    """llama-server wants a string there (common/chat.cpp:373-470); absent says the same."""
    body = {"messages": [message], "max_tokens": 2}
    async with running_proxy(tiny_llama.url) as proxy:
        direct = await exchange(tiny_llama.url, "POST", CHAT, body)
        through = await exchange(proxy.url, "POST", CHAT, body)
        record = await proxy.record()

    assert direct.status == 500
    assert through.status == 200
    assert "null-fields" in record["rules"]


PAGES = ["/health", "/v1/models", "/props", "/slots", "/metrics", "/v1/health"]


@pytest.mark.parametrize("path", PAGES)
async def test_other_pages_pass(path: str, tiny_llama: LlamaServer) -> None:
    async with running_proxy(tiny_llama.url) as proxy:
        direct = await exchange(tiny_llama.url, "GET", path)
        through = await exchange(proxy.url, "GET", path)

    assert through.status == direct.status == 200
    assert kept_headers(through) == kept_headers(direct)
    if path in ("/health", "/v1/health", "/props"):
        assert through.body == direct.body


OTHERS: list[tuple[str, Json]] = [
    ("/v1/completions", {"prompt": "Once", "max_tokens": 4}),
    ("/v1/completions", {"prompt": "Once", "max_tokens": 4, "stream": True}),
    ("/completion", {"prompt": "Once", "n_predict": 4, "id_slot": 1, "stream": True}),
    ("/tokenize", {"content": "hello"}),
    ("/apply-template", {"messages": MESSAGES}),
    ("/v1/messages", {"messages": USER, "max_tokens": 4}),
    ("/v1/messages", {"messages": USER, "max_tokens": 4, "stream": True}),
    ("/v1/responses", {"input": "hi", "max_output_tokens": 4}),
]


@pytest.mark.parametrize(
    ("path", "body"),
    OTHERS,
    ids=[f"{path}{'-stream' * ('stream' in body)}" for path, body in OTHERS],
)
async def test_other_endpoints_pass(path: str, body: Json, tiny_llama: LlamaServer) -> None:
    """Asked once before, so that both find the same in the cache: not all of them can be told not to."""
    body = {**body, "temperature": 0, "seed": 1, "cache_prompt": False}
    async with running_proxy(tiny_llama.url) as proxy:
        await exchange(tiny_llama.url, "POST", path, body)
        direct = await exchange(tiny_llama.url, "POST", path, body)
        through = await exchange(proxy.url, "POST", path, body)

    assert direct.status == through.status == 200
    assert without_chance(through) == without_chance(direct)
