"""A call's id that is empty or repeated is replaced on its way to the client, and put back on the way in."""

import pytest

from tests.builders import call, calling, user
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Backend, running_proxy
from tests.fakes.scripted import Send
from tests.fakes.scripted_replies import (
    chat_reply,
    chat_stream,
    head,
    json_response,
    stream_response,
    tool_call_deltas,
)

CHAT = "/v1/chat/completions"
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
USER = user("Go.")


def body(*messages: object, stream: bool) -> dict[str, object]:
    return {"messages": [USER, *messages], "tools": TOOLS, "stream": stream}


EVENTS = chat_stream([], late_deltas=tool_call_deltas("f", ["{}"], ""), finish_reason="tool_calls")


def with_length() -> list[Send]:
    """A stream that a gateway has collected and given a length."""
    text = b"".join(EVENTS)
    length = ("Content-Length", str(len(text)))
    return [Send(head(200, [("Content-Type", "text/event-stream"), length]) + text)]


@pytest.mark.parametrize("counted", [False, True], ids=["chunked", "with-a-length"])
async def test_an_empty_id_in_a_stream_becomes_one_the_client_can_use(counted: bool) -> None:
    reply = with_length() if counted else stream_response(EVENTS)
    async with Backend(reply) as backend, running_proxy(backend.url) as proxy:
        answer = await exchange(proxy.url, "POST", CHAT, body(stream=True))
        record = await proxy.record()

    calls = [
        piece
        for event in answer.events()
        if event != "[DONE]"
        for choice in event["choices"]
        for piece in choice["delta"].get("tool_calls", ())
    ]
    assert answer.complete
    assert len(calls[0]["id"]) == 9
    assert calls[0]["id"].isalnum()
    assert record["outcome"] == "ok"


@pytest.mark.parametrize("given", ["", "used"], ids=["empty", "used-before"])
async def test_the_way_back_carries_the_id_as_it_was_generated(given: str) -> None:
    earlier = [
        calling(call(call_id="used")),
        {"role": "tool", "tool_call_id": "used", "content": "r"},
    ]
    message = calling(call(call_id=given))
    reply = chat_reply("", 10, 0, message=message, finish_reason="tool_calls")
    async with (
        Backend(json_response(reply), json_response(chat_reply("Done.", 10, 0))) as backend,
        running_proxy(backend.url) as proxy,
    ):
        first = await exchange(proxy.url, "POST", CHAT, body(*earlier, stream=False))
        got = first.json()["choices"][0]["message"]
        mine = got["tool_calls"][0]["id"]
        result = {"role": "tool", "tool_call_id": mine, "content": "r2"}
        await exchange(proxy.url, "POST", CHAT, body(*earlier, got, result, stream=False))
        sent = (await backend.received(2)).json()["messages"]

    assert mine not in ("", "used")
    assert sent[3]["tool_calls"][0]["id"] == given
    assert sent[4]["tool_call_id"] == given
