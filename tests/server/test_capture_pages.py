"""Request and reply of a turn as people read them."""

from pathlib import Path
from typing import Any

import pytest

from tests.builders import assistant, call, calling, result, system, user
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Backend, RunningProxy, running_proxy
from tests.fakes.scripted_replies import chat_reply, chat_stream, json_response, stream_response
from warmprefix.capture.line import Captured
from warmprefix.capture.writer import Capture
from warmprefix.core.types import CacheStats
from warmprefix.server.capture_pages import LONGEST, shown

CHAT = "/v1/chat/completions"
HISTORY = [
    system("Be brief."),
    user(
        [{"type": "text", "text": "Look."}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    ),
    calling(call('{"at": 1}', "look")),
    result("c1", "a tree"),
    assistant("A tree.", reasoning_content="It is green."),
    user("Sure?"),
]


async def page(proxy: RunningProxy, turn: str) -> Any:
    """What is shown of a turn."""
    return (await exchange(proxy.url, "GET", f"/warmprefix/api/turns/{turn}/captured")).json()


def told(message: Any) -> tuple[str, list[tuple[str, str]]]:
    """A message in short."""
    return message["role"], [(part["kind"], part["text"]) for part in message["parts"]]


@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_captured_turn_is_shown(tmp_path: Path, is_stream: bool) -> None:
    reply = (
        stream_response(chat_stream(["ye", "s"]))
        if is_stream
        else json_response(chat_reply("yes", 9, 0))
    )
    capture = Capture(tmp_path)
    async with Backend(reply) as backend, running_proxy(backend.url, capture=capture) as proxy:
        await exchange(proxy.url, "POST", CHAT, {"messages": HISTORY, "stream": is_stream})
        turn = (await proxy.record())["turn"]
        capture.close()
        found = (await page(proxy, turn))["captured"]
        missing = await page(proxy, "nope")

    assert [told(message) for message in found["messages"]] == [
        ("system", [("text", "Be brief.")]),
        ("user", [("text", "Look."), ("text", found["messages"][1]["parts"][1]["text"])]),
        ("assistant", [("text", ""), ("call", '{"at": 1}')]),
        ("tool", [("result", "a tree")]),
        ("assistant", [("reasoning", "It is green."), ("text", "A tree.")]),
        ("user", [("text", "Sure?")]),
    ]
    assert "bytes that are no text" in found["messages"][1]["parts"][1]["text"]
    assert found["messages"][2]["parts"][1]["name"] == "look"
    assert told(found["reply"]) == ("assistant", [("text", "yes")])
    assert "Be brief." in found["request"]
    assert missing["captured"] is None
    assert "not in the capture" in missing["why"]


async def test_without_a_capture_it_says_how_to_have_one() -> None:
    async with running_proxy("http://127.0.0.1:1") as proxy:
        answer = await page(proxy, "t")

    assert answer["captured"] is None
    assert "--capture" in answer["why"]


def captured(request: bytes, response: bytes = b"") -> Captured:
    """A captured turn with these bytes."""
    return Captured("", "t", CHAT, {}, 200, "ok", True, CacheStats(), request, response)


def test_a_body_that_is_not_understood_is_shown_as_it_came() -> None:
    found = shown(captured(b'{"n": 1}'))

    assert (found["messages"], found["reply"], found["request"]) == (None, None, '{"n": 1}')


def test_a_message_that_is_not_understood_is_shown_as_it_came() -> None:
    found = shown(captured(b'{"messages": [{"role": "user", "content": "\\ud800"}]}'))

    assert told(found["messages"][0])[1] == [("text", '{"role": "user", "content": "\\ud800"}')]


def test_long_texts_are_cut() -> None:
    body = b'{"messages": [{"role": "user", "content": "%s"}]}' % (b"x" * (LONGEST + 1234))
    (_, text) = told(shown(captured(body))["messages"][0])[1][0]

    assert text == "x" * LONGEST + "… (1,234 more characters)"
