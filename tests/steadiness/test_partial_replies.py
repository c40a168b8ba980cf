"""A reply that was broken off is remembered as far as it came, and never completed by us."""

import asyncio

import pytest

from tests.fakes.raw_client import exchange, raw_client, request_bytes
from tests.fakes.running_proxy import DEADLINE_S, Backend, Json, running_proxy
from tests.fakes.scripted import Cut, Stall, Step, Wait
from tests.fakes.scripted_replies import chat_reply, chat_stream, json_response, stream_response

CHAT = "/v1/chat/completions"
EVENTS = chat_stream(["Here is", " the answer", " to it."])
BEGUN = stream_response(EVENTS[:3], finish=False)  # the role and two words
ASKED: list[Json] = [{"role": "user", "content": "What?"}]
HEARD: list[Json] = [
    *ASKED,
    {"role": "assistant", "content": "Here is the answer"},
    {"role": "user", "content": "Go on."},
]


@pytest.mark.parametrize("who", ["client", "backend"])
async def test_what_a_client_keeps_of_a_reply_is_sent_on_as_it_is(who: str) -> None:
    """The turn says how it ended, the next one goes on from it, and no word is added."""
    end: list[Step] = [Stall()] if who == "client" else [Wait(0.02), Cut()]
    scripts = [[*BEGUN, *end], json_response(chat_reply("So.", 5, 30))]
    async with Backend(*scripts) as backend, running_proxy(backend.url) as proxy:
        async with raw_client(proxy.url) as client, asyncio.timeout(DEADLINE_S):
            await client.send(request_bytes("POST", CHAT, {"messages": ASKED, "stream": True}))
            answer = await client.head()
            async for _ in client.body(answer):
                if b"the answer" in answer.body and who == "client":
                    break
        first = await proxy.record()
        await exchange(proxy.url, "POST", CHAT, {"messages": HEARD})
        _, second = await proxy.records()

    expected = "client_gone" if who == "client" else "backend_disconnected"
    assert not answer.complete
    assert (first["outcome"], first["status"]) == (expected, 200)
    assert first["generated_tokens"] is None
    assert backend.requests[1].json()["messages"] == HEARD
    assert (second["kind"], second["conversation"]) == ("append", first["conversation"])
    assert second["restored"] == []
