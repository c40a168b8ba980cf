"""The turns that are kept, added up by conversation."""

from typing import Any

from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Backend, running_proxy
from tests.fakes.scripted_replies import chat_reply, json_response
from warmprefix.log.conversations import conversations
from warmprefix.log.record import Record


def record(conversation: str | None, time: str, **fields: Any) -> Record:
    """What a summary is made of; nothing was reported."""
    counts = dict.fromkeys(("prompt_tokens", "cached_tokens", "processed_tokens"))
    base = {
        "conversation": conversation,
        "time": time,
        "client": "pi",
        "model": None,
        "break": None,
    }
    return {**base, **counts, **fields}


def test_a_conversation_is_the_sum_of_its_turns() -> None:
    counts = {"prompt_tokens": 100, "cached_tokens": 70, "processed_tokens": 30}
    first = {"prompt_tokens": 40, "cached_tokens": 0, "processed_tokens": 40, "model": "m"}
    newest_first = [
        record("a", "3", **counts, **{"break": {"cause": "clock"}}),
        record("a", "1", **first),
    ]

    assert conversations(newest_first) == [
        {
            "id": "a",
            "client": "pi",
            "model": "m",
            "turns": 2,
            "first": "1",
            "last": "3",
            "prompt_tokens": 140,
            "cached_tokens": 70,
            "processed_tokens": 70,
            "breaks": 1,
        }
    ]


def test_the_one_with_the_newest_turn_comes_first() -> None:
    found = conversations([record("b", "4"), record("a", "3"), record("b", "2"), record("c", "1")])

    assert [(summary["id"], summary["turns"]) for summary in found] == [
        ("b", 2),
        ("a", 1),
        ("c", 1),
    ]


def test_what_was_not_reported_is_none_and_never_0() -> None:
    (found,) = conversations([record("a", "1")])

    assert found["prompt_tokens"] is None
    assert found["cached_tokens"] is None
    assert found["processed_tokens"] is None


def test_prompt_and_cached_are_of_the_same_turns() -> None:
    """Else their ratio would be of nothing: a turn that reports one alone counts for neither."""
    both = record("a", "1", prompt_tokens=10, cached_tokens=5)
    one = record("a", "2", prompt_tokens=1000, processed_tokens=1000)
    (found,) = conversations([one, both])

    assert (found["prompt_tokens"], found["cached_tokens"]) == (10, 5)
    assert found["processed_tokens"] == 1000


def test_a_turn_that_was_not_understood_belongs_to_none() -> None:
    assert conversations([record(None, "1")]) == []


async def test_the_page_of_conversations() -> None:
    async with Backend() as backend, running_proxy(backend.url) as proxy:
        for text, processed, cached in (("a", 9, 0), ("b", 7, 0), ("a", 1, 8)):
            backend.then(json_response(chat_reply("hi", processed, cached)))
            body = {"messages": [{"role": "user", "content": text}]}
            await exchange(proxy.url, "POST", "/v1/chat/completions", body)
        await proxy.records()
        answer = await exchange(proxy.url, "GET", "/warmprefix/api/conversations")

    found = answer.json()["conversations"]
    assert [(summary["turns"], summary["cached_tokens"]) for summary in found] == [(2, 8), (1, 0)]
    assert answer.header("cache-control") == "no-store"
