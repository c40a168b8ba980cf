"""What a llama-server tokenizes and evaluates; nothing if it does not say."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.fakes.pages import serving, status
from tests.fakes.scripted import Cut
from tests.fakes.scripted_replies import json_response
from warmprefix.backends.client import Asker
from warmprefix.backends.llama import Llama


@pytest.fixture
async def client() -> AsyncIterator[Asker]:
    async with Asker() as made:
        yield made


UNREADABLE: list[tuple[str, Any]] = [
    ("missing", status(404)),
    ("refused", status(400, {"tokens": [1], "prompt": "x", "timings": {"prompt_n": 1}})),
    ("page", json_response(b"<html>")),
    ("list", [1]),
    ("other-members", {"error": "no"}),
    ("odd-members", {"tokens": "1", "prompt": 1, "timings": [1]}),
    ("gone", [Cut()]),
]


@pytest.mark.parametrize(
    "answer", [row[1] for row in UNREADABLE], ids=[row[0] for row in UNREADABLE]
)
async def test_an_answer_that_is_none_says_nothing(client: Asker, answer: Any) -> None:
    pages = dict.fromkeys(("/tokenize", "/completion"), answer)
    async with serving(pages) as backend:
        llama = Llama(client, backend.url)

        assert await llama.tokenize("a") == ()
        assert await llama.evaluate(0, (1,), None) is None


async def test_a_text_is_tokenized_as_the_chat_endpoint_does(client: Asker) -> None:
    async with serving({"/tokenize": {"tokens": [5, 6]}}) as backend:
        assert await Llama(client, backend.url).tokenize("a") == (5, 6)

    assert backend.requests[0].json() == {
        "content": "a",
        "add_special": True,
        "parse_special": True,
    }


@pytest.mark.parametrize("model", [None, "m"])
async def test_tokens_are_evaluated_in_the_slot_and_nothing_is_kept_of_the_reply(
    client: Asker, model: str | None
) -> None:
    async with serving({"/completion": {"timings": {"prompt_n": 2}}}) as backend:
        assert await Llama(client, backend.url).evaluate(3, (5, 6), model) == 2

    named = {} if model is None else {"model": model}
    body = {"prompt": [5, 6], "n_predict": 0, "cache_prompt": True, "id_slot": 3}
    assert backend.requests[0].json() == body | named


async def test_a_router_is_told_the_model_and_loads_none(client: Asker) -> None:
    async with serving({"/tokenize": {"tokens": [5]}}) as backend:
        assert await Llama(client, backend.url, "a/b").tokenize("a") == (5,)

    assert backend.requests[0].target == "/tokenize?model=a%2Fb&autoload=false"
    assert backend.requests[0].json()["model"] == "a/b"
