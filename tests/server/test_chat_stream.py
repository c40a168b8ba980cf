"""A streamed reply passes piece by piece, byte for byte, and is read from a copy."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.fakes.raw_client import Answer, exchange, raw_client, request_bytes
from tests.fakes.running_proxy import DEADLINE_S, Backend, Json, running_proxy
from tests.fakes.scripted import Cut, Send, Step, Wait
from tests.fakes.scripted_http import Request
from tests.fakes.scripted_replies import (
    chat_stream,
    http_chunk,
    split,
    sse,
    stream_response,
    tool_call_deltas,
)

CHAT = "/v1/chat/completions"
BODY = {"messages": [{"role": "user", "content": "hi"}], "stream": True}


async def relayed(script: list[Step]) -> tuple[Answer, Json]:
    """The answer that the client saw, and the line in the log."""
    async with Backend(script, gap_s=0) as backend, running_proxy(backend.url) as proxy:
        async with asyncio.timeout(DEADLINE_S):
            answer = await exchange(proxy.url, "POST", CHAT, BODY)
        return answer, await proxy.record()


async def test_sixty_deltas_are_sixty_arrivals_each_before_the_next_is_sent() -> None:
    """The backend sends a delta only after the client has seen the one before."""
    seen = [asyncio.Event() for _ in range(64)]
    events = chat_stream([f" {n}" for n in range(60)])

    def script(_: Request) -> Iterator[Step]:
        yield from stream_response([], finish=False)
        for event, was_seen in zip(events, seen, strict=False):
            yield Send(http_chunk(event))
            yield Wait(was_seen)
        yield Send(b"0\r\n\r\n")

    async with Backend(script) as backend, running_proxy(backend.url) as proxy:
        async with raw_client(proxy.url) as client, asyncio.timeout(DEADLINE_S):
            await client.send(request_bytes("POST", CHAT, BODY))
            answer = await client.head()
            arrivals = client.body(answer)
            for was_seen in seen[: len(events)]:
                await anext(arrivals)
                was_seen.set()
            assert [arrival async for arrival in arrivals] == []
        record = await proxy.record()

    assert answer.complete
    assert [arrival.data for arrival in answer.arrivals] == events
    assert len(answer.arrivals) == 63
    assert record["outcome"] == "ok"


@dataclass(frozen=True)
class Stream:
    """Arrivals of a stream, and how its turn is logged."""

    id: str
    pieces: list[bytes]
    generated: int | None = 3
    outcome: str = "ok"


WORDS = chat_stream(["Hé", "llo"])
JOINED = b"".join(WORDS)
ACCENT = JOINED.index("é".encode())
TIMED = [line for line in WORDS if b"timings" in line]
ERROR = {"error": {"code": 500, "message": "Context size has been exceeded", "type": "x"}}

STREAMS = [
    Stream("as-llama-server-sends-it", WORDS),
    Stream("in-one-piece", [JOINED]),
    Stream("cut-inside-a-character", split(JOINED, ACCENT + 1)),
    Stream("cut-at-every-byte", [bytes([byte]) for byte in JOINED]),
    Stream("two-events-in-one-piece", [WORDS[0] + WORDS[1], *WORDS[2:]]),
    Stream("crlf", chat_stream(["Hé", "llo"], line_end="\r\n")),
    Stream("cr", chat_stream(["Hé", "llo"], line_end="\r")),
    Stream("comments", [b": ping\n\n", WORDS[0], b":\n\n", b": ping\n\n", *WORDS[1:]]),
    Stream("no-space-after-data", [line.replace(b"data: ", b"data:") for line in WORDS]),
    Stream("with-event-names", [b"event: x\nid: 1\nretry: 5\n" + line for line in WORDS]),
    Stream("byte-order-mark", [b"\xef\xbb\xbf" + WORDS[0], *WORDS[1:]]),
    Stream("without-done", WORDS[:-1]),
    Stream("not-json-in-between", [WORDS[0], b"data: {not json}\n\n", *WORDS[1:]]),
    Stream("no-object-in-between", [WORDS[0], b"data: 7\n\n", *WORDS[1:]]),
    Stream("no-stream-at-all", [b"\x00\xff\xfe\n\n\r\r\n"], generated=None),
    Stream("empty", [], generated=None),
    Stream("line-separators", chat_stream(["a\u2028b\x85c", "\x0b"])),
    Stream("tool-calls", chat_stream([], late_deltas=tool_call_deltas("f", ['{"a"', ": 1}"]))),
    Stream("error-inside", [WORDS[0], *sse(ERROR)], generated=None, outcome="backend_error"),
    Stream("string-error", [WORDS[0], *sse({"error": "no"})], None, "backend_error"),
    Stream("error-at-once", sse(ERROR), generated=None, outcome="backend_error"),
    Stream("error-before-done", [*WORDS[:-1], *sse(ERROR, "[DONE]")], outcome="backend_error"),
]


@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "until-close"])
@pytest.mark.parametrize("case", STREAMS, ids=lambda case: case.id)
async def test_a_stream_arrives_byte_for_byte(case: Stream, chunked: bool) -> None:
    """Nothing is added, above all no `[DONE]`; an error inside a 200 is one in the log."""
    answer, record = await relayed(stream_response(case.pieces, chunked=chunked))

    assert answer.status == 200
    assert answer.complete
    assert answer.header("content-type") == "text/event-stream"
    assert answer.body == b"".join(case.pieces)
    assert record["generated_tokens"] == case.generated
    assert record["outcome"] == case.outcome


async def test_an_event_of_five_megabytes_passes_and_is_read() -> None:
    events = chat_stream(["x" * 5_000_000])
    answer, record = await relayed(stream_response(events))

    assert answer.body == b"".join(events)
    assert record["cached_tokens"] == 30
    assert record["outcome"] == "ok"


CUTS = [
    pytest.param([Cut()], id="FIN"),
    pytest.param([Cut(reset=True)], id="RST"),
    pytest.param([Send(b"5\r\nab"), Cut()], id="inside-a-chunk"),
    pytest.param([Send(b"zz\r\n"), Cut()], id="broken-framing"),
]


@pytest.mark.parametrize("end", CUTS)
async def test_a_stream_cut_in_the_middle_ends_incomplete(end: list[Step]) -> None:
    """The client sees the cut, not a clean end; what was counted until then is in the log."""
    events = [*chat_stream([" one"])[:2], *TIMED]
    script = stream_response(events, finish=False)
    answer, record = await relayed([*script, Wait(0.02), *end])

    assert answer.status == 200
    assert answer.body.startswith(b"".join(events))
    assert not answer.complete
    assert record["outcome"] == "backend_disconnected"
    assert record["status"] == 200
    assert (record["cached_tokens"], record["processed_tokens"]) == (30, 12)


async def test_a_body_shorter_than_its_length_ends_incomplete() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    answer, record = await relayed([Send(head + b'{"choices":'), Wait(0.02), Cut()])

    assert (answer.body, answer.complete) == (b'{"choices":', False)
    assert record["outcome"] == "backend_disconnected"
    assert record["generated_tokens"] is None


async def test_the_turn_is_in_the_log_before_the_client_can_ask_again() -> None:
    """A client that has `[DONE]` may send the next turn at once, before the stream has ended."""
    last = asyncio.Event()
    script = [*stream_response(chat_stream(["hi"]), finish=False), Wait(last)]
    async with Backend(script) as backend, running_proxy(backend.url) as proxy:
        async with raw_client(proxy.url) as client, asyncio.timeout(DEADLINE_S):
            await client.send(request_bytes("POST", CHAT, BODY))
            answer = await client.head()
            async for arrival in client.body(answer):
                if b"[DONE]" in arrival.data:
                    break
            records = await proxy.records(running=1)
            last.set()
        after = await proxy.records()

    assert [record["outcome"] for record in records] == ["ok"]
    assert after == records


async def test_the_time_to_the_first_token_does_not_count_pings_or_the_role() -> None:
    """From the arrival of the request to the first generated text."""
    first = asyncio.Event()
    events = chat_stream(["hi"])
    steps: list[Step] = [*stream_response([b": ping\n\n", events[0]], finish=False)]
    steps += [Wait(first), *(Send(http_chunk(event)) for event in events[1:]), Send(b"0\r\n\r\n")]
    loop = asyncio.get_running_loop()
    async with Backend(steps) as backend, running_proxy(backend.url) as proxy:
        async with raw_client(proxy.url) as client, asyncio.timeout(DEADLINE_S):
            began = loop.time()
            await client.send(request_bytes("POST", CHAT, BODY))
            answer = await client.head()
            arrived = loop.time()  # or before: the proxy answers what has arrived
            arrivals = client.body(answer)
            await anext(arrivals)
            role = await anext(arrivals)
            first.set()
            async for _ in arrivals:
                pass
        record = await proxy.record()

    text_at = answer.arrivals[2].at
    assert (role.at - arrived) * 1000 <= record["ttft_ms"] <= (text_at - began) * 1000 + 1
    assert record["ttft_ms"] <= record["total_ms"]
