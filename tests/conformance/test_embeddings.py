"""Embeddings, of a server that was started for them, and reranking of one that was not."""

import re

import pytest

from tests.conformance.cases import Ask, Case, check, name_of
from tests.conformance.conftest import Servers
from tests.fakes.llama import LlamaServer
from tests.fakes.running_proxy import Json

pytestmark = pytest.mark.backend

OPENAI = "/v1/embeddings"
OWN = "/embedding"
WIDTH = 64


def is_normal(vector: list[float]) -> bool:
    """Whether a vector has length one."""
    return abs(sum(number * number for number in vector) - 1) < 1e-3


ONE = {
    "object": "list", "model": "tiny", "data.#": 1, "data.0.object": "embedding", "data.0.index": 0,
    "data.0.embedding.#": WIDTH, "data.0.embedding": is_normal, "usage.prompt_tokens": 5,
    "usage.total_tokens": 5,
}  # fmt: skip
WRONG = {"error.code": 400, "error.type": "invalid_request_error"}


def embed(id: str, body: Json, expect: Json, path: str = OPENAI, status: int = 200) -> Case:
    """One request."""
    return Case(id, path, body, status, expect)


POOLED = [
    embed("one", {"input": "river"}, ONE),
    embed("another-model", {"input": "river", "model": "ada"}, {"model": "ada"}),
    embed("short-path", {"input": "river"}, {"0.index": 0, "0.embedding.0.#": WIDTH}, "/embeddings"),
    embed("own-input", {"input": "river"}, {"0.embedding.0.#": WIDTH}, OWN),
    embed("own-content", {"content": "river"}, {"0.embedding.0.#": WIDTH}, OWN),
    embed("content", {"content": "river"}, {"0.embedding.0.#": WIDTH}),
    embed("several", {"input": ["river", "sea", "a lake"]}, {
        "data.#": 3, "data.2.index": 2, "usage.prompt_tokens": 14}),
    embed("repeated", {"input": ["river"] * 4}, {"data.#": 4, "usage.prompt_tokens": 20}),
    embed("tokens", {"input": [65, 66, 67]}, {"usage.prompt_tokens": 3}),
    embed("mixed", {"input": [65, "bc", 66]}, {"data.#": 1, "usage.prompt_tokens": 4}),
    embed("lists", {"input": [[65, 66], [67]]}, {"data.#": 2}),
    embed("list-and-text", {"input": ["ab", [67]]}, {"data.#": 2}),
    embed("object", {"input": {"prompt_string": "river"}}, {"usage.prompt_tokens": 5}),
    embed("base64", {"input": "river", "encoding_format": "base64"}, {
        "data.0.encoding_format": "base64", "data.0.embedding": re.compile(r"^[\w+/]{300,}=*$")}),
    embed("not-normalized", {"input": "river", "embd_normalize": -1}, {
        "data.0.embedding": lambda vector: not is_normal(vector)}),
    embed("largest-one", {"input": "river", "embd_normalize": 0}, {"data.0.embedding.#": WIDTH}),
    embed("non-ascii", {"input": "é😀"}, {"usage.prompt_tokens": 6}),
    embed("empty", {"input": ""}, WRONG, status=400),
    embed("empty-list", {"input": []}, WRONG, status=400),
    embed("missing", {}, WRONG, status=400),
    embed("number", {"input": 7}, WRONG, status=400),
    embed("bad-format", {"input": "a", "encoding_format": "hex"}, WRONG, status=400),
    embed("too-long", {"input": "x" * 600}, {
        "error.code": 500, "error.message": re.compile("too large")}, status=500),
    embed("no-rerank", {"query": "a", "documents": ["b"]}, {
        "error.type": "not_supported_error"}, "/v1/rerank", 501),
    embed("no-reranking", {"query": "a", "documents": ["b"]}, {
        "error.message": re.compile("--reranking")}, "/reranking", 501),
    embed("tokenize", {"content": "ab"}, {"tokens": [97, 98]}, "/tokenize"),
    embed("chat", {"messages": [{"role": "user", "content": "a"}], "max_tokens": 2}, {
        "usage.completion_tokens": 2}, "/v1/chat/completions"),
    embed("completion", {"prompt": "a", "n_predict": 2}, {"tokens_predicted": 2}, "/completion"),
]  # fmt: skip


@pytest.mark.parametrize("case", POOLED, ids=name_of)
async def test_an_embedding(case: Case, servers: Servers) -> None:
    await check(case, servers("embeddings"))


async def test_the_same_input_again(servers: Servers) -> None:
    body = {"input": "river"}
    await check(
        Case("again", OPENAI, body, 200, ONE, before=[Ask(OPENAI, body)]), servers("embeddings")
    )


UNPOOLED = [
    embed("own", {"content": "river"}, {"0.embedding.#": 5, "0.embedding.0.#": WIDTH}, OWN),
    embed("plural", {"input": "river"}, {"0.embedding.#": 5}, "/embeddings"),
    embed("openai", {"input": "river"}, WRONG, status=400),
]


@pytest.mark.parametrize("case", UNPOOLED, ids=name_of)
async def test_a_vector_for_each_token(case: Case, servers: Servers) -> None:
    """Which OpenAI's form cannot say."""
    await check(case, servers("no-pooling"))


OFF = {"error.code": 501, "error.message": re.compile("--embeddings")}
NOT_STARTED_FOR_IT = [
    embed("openai", {"input": "a"}, OFF, status=501),
    embed("own", {"content": "a"}, OFF, OWN, 501),
    embed("plural", {"input": "a"}, OFF, "/embeddings", 501),
    embed("rerank", {"query": "a", "documents": ["b"]}, {"error.code": 501}, "/rerank", 501),
    embed("v1-reranking", {}, {"error.code": 501}, "/v1/reranking", 501),
]


@pytest.mark.parametrize("case", NOT_STARTED_FOR_IT, ids=name_of)
async def test_a_server_that_was_not_started_for_it(case: Case, one: LlamaServer) -> None:
    await check(case, one)
