"""The scripted backend and the raw client do on the wire what the test wrote."""

import asyncio

import pytest

from tests.fakes.raw_client import RawClient, exchange, raw_client, request_bytes
from tests.fakes.scripted import Cut, KeepOpen, ScriptedBackend, Send, Stall, Step, Wait
from tests.fakes.scripted_http import Request
from tests.fakes.scripted_replies import (
    chat_reply,
    chat_stream,
    interim,
    json_response,
    split,
    sse,
    stream_response,
    tool_call_deltas,
)

GET = request_bytes("GET", "/x")
OK = json_response({"ok": True})


async def test_a_request_is_recorded_as_it_was_on_the_wire() -> None:
    head = b"POST /v1/a%20b?q=%2F HTTP/1.1\r\nhost: h\r\nX-Two: 1\r\nx-two:  2\r\nContent-Length: 3"
    async with ScriptedBackend(OK) as backend, raw_client(backend.url) as client:
        await client.send(head + b"\r\n\r\n{ }")
        answer = await client.answer()

    request = backend.requests[0]
    assert (request.method, request.target) == ("POST", "/v1/a%20b?q=%2F")
    assert request.headers[1:3] == [("X-Two", "1"), ("x-two", "2")]
    assert request.head == head + b"\r\n\r\n"
    assert (request.body, request.connection, request.ordinal) == (b"{ }", 1, 1)
    assert (answer.status, answer.body, answer.complete) == (200, b'{"ok":true}', True)


async def test_a_chunked_request_body_is_put_together() -> None:
    async with ScriptedBackend(OK) as backend, raw_client(backend.url) as client:
        await client.send(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n")
        await client.send(b"2\r\nde\r\n0\r\nT: 1\r\n\r\n")
        await client.answer()

    assert backend.requests[0].body == b"abcde"


async def test_each_send_is_an_arrival_of_its_own() -> None:
    pieces = split("data: é\n\n".encode(), 7)
    async with ScriptedBackend(stream_response(pieces, chunked=False)) as backend:
        answer = await exchange(backend.url, "GET", "/")

    assert [arrival.data for arrival in answer.arrivals] == [b"data: \xc3", b"\xa9\n\n"]
    assert answer.arrivals[0].at < answer.arrivals[1].at


async def test_a_wait_is_seen_between_two_arrivals() -> None:
    go = asyncio.Event()
    steps = stream_response([b"a", b"b"], between=Wait(go))
    async with ScriptedBackend(steps) as backend, raw_client(backend.url) as client:
        await client.send(GET)
        answer = await client.head()
        body = client.body(answer)
        first = await anext(body)
        go.set()
        rest = [arrival.data async for arrival in body]

    assert (first.data, rest, answer.complete) == (b"a", [b"b"], True)


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
async def test_a_stalled_backend_notices_that_the_client_left(reset: bool) -> None:
    script: list[Step] = [Stall(), Send(b"never")]
    async with ScriptedBackend(script) as backend, raw_client(backend.url) as client:
        await client.send(GET)
        request = await backend.received(1)
        assert not request.client_gone.is_set()
        client.close(reset=reset)
        await request.client_gone.wait()

    assert request.gone_at is not None


async def test_a_client_that_leaves_after_the_answer_is_noticed_too() -> None:
    async with ScriptedBackend(OK) as backend:
        await exchange(backend.url, "GET", "/")

        await asyncio.wait_for(backend.requests[0].client_gone.wait(), 5)


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
async def test_a_cut_leaves_the_body_incomplete(reset: bool) -> None:
    steps = [*stream_response([b"a"], finish=False), Wait(0.05), Cut(reset=reset)]
    async with ScriptedBackend(steps) as backend:
        answer = await exchange(backend.url, "GET", "/")

    assert (answer.body, answer.complete) == (b"a", False)


async def two_requests(client: RawClient) -> bool:
    """Whether the connection ended after the first answer."""
    await client.send(GET)
    await client.answer()
    try:
        async with asyncio.timeout(0.3):
            return await client.ended()
    except TimeoutError:
        await client.send(GET)
        await client.answer()
        return False


@pytest.mark.parametrize(
    ("options", "ended"),
    [
        pytest.param({}, False, id="kept"),
        pytest.param({"keep_alive": False}, True, id="refused"),
        pytest.param({"max_requests": 1}, True, id="count"),
        pytest.param({"max_requests": 2}, False, id="count-not-reached"),
        pytest.param({"idle_timeout_s": 0.05}, True, id="idle"),
    ],
)
async def test_connections_are_kept_or_closed_as_set_up(
    options: dict[str, float], ended: bool
) -> None:
    backend = ScriptedBackend(otherwise=OK, **options)  # type: ignore[arg-type] # table of options
    async with backend, raw_client(backend.url) as client:
        assert await two_requests(client) is ended
        assert len(backend.requests) == (1 if ended else 2)
        assert backend.connections == 1


async def test_keep_open_overrides_the_rules() -> None:
    steps = [*OK, KeepOpen()]
    backend = ScriptedBackend(otherwise=steps, keep_alive=False)
    async with backend, raw_client(backend.url) as client:
        assert not await two_requests(client)


async def test_scripts_are_played_in_order_and_a_missing_one_shows() -> None:
    def echo(request: Request) -> list[Send]:
        return [Send(b"HTTP/1.1 200 OK\r\nX-Saw: %b\r\n\r\n" % request.target.encode())]

    async with ScriptedBackend([interim(), *OK], echo, keep_alive=False) as backend:
        first = await exchange(backend.url, "GET", "/1")
        second = await exchange(backend.url, "GET", "/2")
        third = await exchange(backend.url, "GET", "/3")

    assert (first.interim, first.status) == ([b"HTTP/1.1 103 Early Hints"], 200)
    assert second.header("x-saw") == "/2"
    assert third.status == 599
    assert [request.target for request in backend.unscripted] == ["/3"]


async def test_trailers_and_100_continue() -> None:
    steps = stream_response([b"a"], trailers=[("X-End", "1")])
    async with ScriptedBackend(steps) as backend, raw_client(backend.url) as client:
        await client.send(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
        while not client.received:
            await client.ended()
        await client.send(b"x")
        answer = await client.answer()

    assert answer.interim == [b"HTTP/1.1 100 Continue"]
    assert answer.trailers == [b"X-End: 1"]


async def test_what_is_no_request_is_recorded_and_refused() -> None:
    async with ScriptedBackend() as backend, raw_client(backend.url) as client:
        await client.send(b"hello\r\n\r\n")
        answer = await client.answer()

    assert answer.status == 400
    assert backend.malformed == ["not a request line: b'hello'"]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_line_ends_of_events(line_end: str) -> None:
    assert sse({"a": "é"}, "[DONE]", line_end=line_end) == [
        f'data: {{"a":"é"}}{line_end}{line_end}'.encode(),
        f"data: [DONE]{line_end}{line_end}".encode(),
    ]


def test_where_usage_and_timings_are_in_a_stream() -> None:
    """Source: llama.cpp tools/server/server-task.cpp:502-519, build 11434."""
    without = chat_stream(["a"])
    asked = chat_stream(["a"], include_usage=True)

    assert [b"timings" in line for line in without] == [False, False, True, False]
    assert not any(b"usage" in line for line in without)
    assert [b"timings" in line for line in asked] == [False, False, False, True, False]
    assert b'"choices":[],' in asked[3]
    assert b'"prompt_tokens_details":{"cached_tokens":30}' in asked[3]


def test_a_reply_counts_the_whole_prompt_in_usage() -> None:
    reply = chat_reply("hi", prompt_n=1, cache_n=585)

    assert reply["usage"]["prompt_tokens"] == 586
    assert reply["timings"]["prompt_n"] == 1


def test_a_tool_call_comes_in_pieces() -> None:
    first, second = tool_call_deltas("f", ['{"a":', "1}"])

    assert first["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a":'}
    assert second == {"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]}
