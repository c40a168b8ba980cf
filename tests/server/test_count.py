"""Tokens of a prompt are counted as the prompt would be sent, and a count is no turn."""

import json

import pytest

from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Backend, Json, running_proxy
from tests.fakes.scripted_replies import json_response
from tests.fakes.several import Healthy, site

PATH, COUNT = "/v1/messages", "/v1/messages/count_tokens"
ASKED: Json = {"role": "user", "content": [{"type": "text", "text": "Edit it."}]}
REPLY: Json = {
    "type": "message",
    "role": "assistant",
    "content": [{"type": "tool_use", "id": "c", "name": "Edit", "input": {"b": 1.0, "a": "x"}}],
    "stop_reason": "tool_use",
    "usage": {"input_tokens": 9, "output_tokens": 3},
}
GIVEN_BACK: Json = {"type": "tool_use", "id": "c", "name": "Edit", "input": {"a": "x", "b": 1}}
RESULT: Json = {"type": "tool_result", "tool_use_id": "c", "content": "ok"}
HISTORY: list[Json] = [
    ASKED,
    {"role": "assistant", "content": [GIVEN_BACK]},
    {"role": "user", "content": [RESULT, {"type": "text", "text": "Go on."}]},
]


async def test_what_is_counted_is_what_would_be_sent() -> None:
    counted = {"input_tokens": 7}
    replies = json_response(REPLY), json_response(counted), json_response(REPLY)
    async with Backend(*replies) as backend, running_proxy(backend.url) as proxy:
        await exchange(proxy.url, "POST", PATH, {"messages": [ASKED]})
        answer = await exchange(proxy.url, "POST", COUNT + "?beta=true", {"messages": HISTORY})
        await exchange(proxy.url, "POST", PATH, {"messages": HISTORY})
        records = await proxy.records()

    assert (answer.status, json.loads(answer.body)) == (200, counted)
    assert [request.target for request in backend.requests] == [PATH, COUNT + "?beta=true", PATH]
    assert backend.requests[1].body == backend.requests[2].body
    sent = backend.requests[1].json()["messages"]
    assert sent[1]["content"] == REPLY["content"]
    assert len(sent) == 4
    assert [record["endpoint"] for record in records] == [PATH, PATH]


@pytest.mark.parametrize("body", [b'{"messages":"x"}', b"{"])
async def test_what_is_not_understood_is_counted_as_it_came(body: bytes) -> None:
    error = json_response({"error": "no"}, status=400)
    async with Backend(error) as backend, running_proxy(backend.url) as proxy:
        answer = await exchange(proxy.url, "POST", COUNT, body)

    assert (answer.status, json.loads(answer.body)) == (400, {"error": "no"})
    assert backend.requests[0].body == body
    assert proxy.lines() == []


async def test_a_backend_that_is_gone_is_reported_in_the_words_of_the_endpoint() -> None:
    async with Backend() as backend:
        url = backend.url
    async with running_proxy(url) as proxy:
        answer = await exchange(proxy.url, "POST", COUNT, {"messages": [ASKED]})

    assert answer.status == 502
    assert json.loads(answer.body)["error"]["type"] == "backend_unreachable"
    assert json.loads(answer.body)["type"] == "error"
    assert proxy.lines() == []


async def test_another_backend_counts_if_the_first_is_gone() -> None:
    second = Healthy(json_response({"input_tokens": 7}))
    async with site({"a": Healthy(), "b": second}) as where:
        await where.die("a")
        answer = await exchange(where.proxy.url, "POST", COUNT, {"messages": [ASKED]})

    assert json.loads(answer.body) == {"input_tokens": 7}


async def test_a_count_takes_no_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        Backend(json_response({"input_tokens": 7})) as backend,
        running_proxy(backend.url) as proxy,
    ):
        seatings = proxy.app.backends.first().parts.seatings

        async def taken(*_: object) -> None:
            raise AssertionError("a slot was taken")

        monkeypatch.setattr(type(seatings), "take", taken)
        answer = await exchange(proxy.url, "POST", COUNT, {"messages": [ASKED]})
        counted = dict(proxy.app.turns._counters.fail_open)

    assert answer.status == 200
    assert counted == {}
