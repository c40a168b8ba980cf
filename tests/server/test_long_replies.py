"""What a backend sends without end is relayed, and no more of it is kept than can be read."""

import pytest

from tests.fakes.raw_client import Answer, exchange
from tests.fakes.running_proxy import Backend, Json, running_proxy
from tests.fakes.scripted import Script, Send, Step, Wait
from tests.fakes.scripted_replies import (
    chat_reply,
    chat_stream,
    dump,
    json_response,
    stream_response,
)
from tests.security.hostile import BODY, CHAT, OK
from warmprefix.server import relay

WITH_TOOLS = BODY[:-1] + b',"tools":[{"type":"function","function":{"name":"f"}}]}'
LONG = "a" * 2000


async def asked(script: Script, body: bytes = BODY, path: str = CHAT) -> tuple[Answer, Json]:
    """The answer to a request, and its line in the log."""
    async with (
        Backend(otherwise=script) as backend,
        running_proxy(backend.url, backend={"max_event_bytes": 1000}) as proxy,
    ):
        answer = await exchange(proxy.url, "POST", path, body)
        return answer, await proxy.record()


EVENTS = {
    "one-line": b"data: " + dump({"choices": [{"delta": {"content": LONG}}]}) + b"\n\n",
    "many-lines": b"data: a\n" * 1000 + b"\n",
}


@pytest.mark.parametrize("body", [BODY, WITH_TOOLS], ids=["plain", "tools"])
@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
async def test_an_event_that_is_too_long_is_relayed_and_not_read(event: bytes, body: bytes) -> None:
    half = len(event) // 2 + 400
    pieces = [event[:half], event[half:], *chat_stream(["hi"])]
    answer, line = await asked(stream_response(pieces), body)

    assert answer.body == b"".join(pieces)
    assert (line["outcome"], line["failed_open"]) == ("ok", ["reader"])
    assert line["prompt_tokens"] is None


async def test_long_events_within_the_limit_are_read_one_by_one() -> None:
    pieces = chat_stream(["a" * 600] * 20)
    answer, line = await asked(stream_response(pieces))

    assert answer.body == b"".join(pieces)
    assert line["failed_open"] is None


REPLY = dump(chat_reply(LONG, 3, 0, 1))
LONG_ANSWERS = [
    pytest.param(200, CHAT, BODY, [], id="a-reply"),
    pytest.param(200, CHAT, WITH_TOOLS, ["reader", "call-ids"], id="a-reply-with-tools"),
    pytest.param(400, "/v1/messages", BODY, ["reader", "error-words"], id="an-error"),
]


@pytest.mark.parametrize(("status", "path", "body", "noted"), LONG_ANSWERS)
async def test_an_answer_that_is_too_long_to_be_held_is_relayed_as_it_came(
    status: int, path: str, body: bytes, noted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "MAX_BODY", 1000)
    cut = len(REPLY) // 2 + 200
    length = ("Content-Length", str(len(REPLY)))
    first, *_ = json_response(b"", status, [length])
    assert isinstance(first, Send)
    wire = first.data.replace(b"Content-Length: 0\r\n", b"") + REPLY
    head = len(wire) - len(REPLY)
    steps: list[Step] = [Send(wire[: head + cut]), Wait(0.01), Send(wire[head + cut :])]
    answer, line = await asked(steps, body, path)

    assert (answer.status, answer.body) == (status, REPLY)
    assert line["failed_open"] == (noted or ["reader"])


FLOOD = [Send(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 5000)]


async def test_informational_answers_without_end_are_a_broken_answer() -> None:
    answer, line = await asked(FLOOD)

    assert (answer.status, line["outcome"]) == (502, "backend_disconnected")
    assert b"informational" in answer.body


HEADS = {
    "lines": b"HTTP/1.1 200 OK\r\n" + b"X-One: 1\r\n" * 400_000,
    "one-line": b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 4_000_000,
}


@pytest.mark.parametrize("head", HEADS)
async def test_headers_without_end_are_a_broken_answer(head: str) -> None:
    answer, line = await asked([Send(HEADS[head])])

    assert (answer.status, line["outcome"]) == (502, "backend_disconnected")


@pytest.mark.parametrize("head", HEADS)
async def test_headers_without_end_are_not_passed_on(head: str) -> None:
    async with (
        Backend(otherwise=[Send(HEADS[head])]) as backend,
        running_proxy(backend.url) as proxy,
    ):
        answer = await exchange(proxy.url, "POST", "/v1/embeddings", BODY)

    assert answer.status == 502


async def test_a_few_informational_answers_are_none() -> None:
    hints = Send(b"HTTP/1.1 103 Early Hints\r\nX-A: " + b"a" * 5000 + b"\r\n\r\n")
    answer, _ = await asked([hints, hints, *OK])

    assert answer.status == 200
