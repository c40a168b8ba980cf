"""SIGTERM and SIGKILL with streams running: what is cut is cut visibly, what was kept is kept."""

import asyncio
import json
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from tests.fakes.raw_client import Answer, RawClient, exchange, raw_client, request_bytes
from tests.fakes.running_proxy import DEADLINE_S, TICK_S, Backend, Json, until
from tests.fakes.scripted import Script, Send, Stall, Step, Wait
from tests.fakes.scripted_http import Request
from tests.fakes.scripted_replies import (
    chat_stream,
    http_chunk,
    last_chunk,
    stream_response,
    tool_call_deltas,
)
from tests.steadiness.processes import CHAT, integrity, log_lines, remembered, serving_on_disk

STREAMS = 50
PAST_PAUSE_S = 0.3
"""The web server pauses for 0.1 s before it would cut: only what ends later was waited for."""

EVENTS = chat_stream([f" {count}" for count in range(10)])
REST: list[Step] = [*(Send(http_chunk(event)) for event in EVENTS[3:]), Send(last_chunk())]


def last_text(request: Request) -> str:
    """What the user asked last."""
    return str(request.json()["messages"][-1]["content"])


async def begun(
    stack: AsyncExitStack, url: str, texts: Sequence[str]
) -> list[tuple[RawClient, Answer]]:
    """Streams of which each client has seen some text."""
    found = []
    for text in texts:
        client = await stack.enter_async_context(raw_client(url))
        body = {"messages": [{"role": "user", "content": text}], "stream": True}
        await client.send(request_bytes("POST", CHAT, body))
        answer = await client.head()
        await anext(client.body(answer))
        found.append((client, answer))
    return found


async def until_refused(url: str) -> None:
    """Return once nobody listens any more: the end has begun."""
    async with asyncio.timeout(DEADLINE_S):
        with suppress(ConnectionRefusedError, ConnectionResetError):
            while True:
                async with raw_client(url):
                    await asyncio.sleep(TICK_S)


async def rest(streams: Sequence[tuple[RawClient, Answer]]) -> None:
    """Read all of them to their ends."""

    async def read(client: RawClient, answer: Answer) -> None:
        async for _ in client.body(answer):
            pass

    await asyncio.gather(*(read(*stream) for stream in streams))


async def test_fifty_streams_are_drained(tmp_path: Path) -> None:
    go_on = asyncio.Event()
    script = [*stream_response(EVENTS[:3], finish=False), Wait(go_on), *REST]
    async with (
        Backend(otherwise=script) as backend,
        serving_on_disk(tmp_path, backend.url) as process,
        AsyncExitStack() as stack,
    ):
        streams = await begun(stack, process.url, [f"{number}" for number in range(STREAMS)])
        process.signal(signal.SIGTERM)
        assert process.child.stderr is not None
        stopping = await process.child.stderr.readuntil(b"running\n")
        await until_refused(process.url)
        await asyncio.sleep(PAST_PAUSE_S)
        go_on.set()
        await rest(streams)
        status, records = await process.ended()

    assert b"stopping; 50 running" in stopping
    assert status == 0
    assert all(answer.complete for _, answer in streams)
    assert {answer.body for _, answer in streams} == {b"".join(EVENTS)}
    assert [record["outcome"] for record in records] == ["ok"] * STREAMS
    assert log_lines(tmp_path / "turns.log") == records
    assert remembered(tmp_path / "ledger.db") == STREAMS


async def test_what_outlasts_the_grace_is_cut_visibly(tmp_path: Path) -> None:
    """Half of the streams end in time; no other has an end, and each has its line in the log."""
    go_on = asyncio.Event()

    def script(request: Request) -> Script:
        first = stream_response(EVENTS[:3], finish=False)
        return [*first, Wait(go_on), *REST] if last_text(request) == "ends" else [*first, Stall()]

    texts = ["ends", "stalls"] * (STREAMS // 2)
    grace = ("[server]", "shutdown_grace_s = 2")
    async with (
        Backend(otherwise=script) as backend,
        serving_on_disk(tmp_path, backend.url, *grace) as process,
        AsyncExitStack() as stack,
    ):
        streams = await begun(stack, process.url, texts)
        process.signal(signal.SIGTERM)
        go_on.set()
        await rest(streams)
        status, records = await process.ended()
        for request in backend.requests:
            if last_text(request) == "stalls":
                await request.client_gone.wait()

    assert status == 0
    assert [answer.complete for _, answer in streams] == [text == "ends" for text in texts]
    for text, (client, answer) in zip(texts, streams, strict=True):
        assert answer.body == b"".join(EVENTS if text == "ends" else EVENTS[:3])
        assert client.received.endswith(b"\r\n0\r\n\r\n") == (text == "ends")
    outcomes = sorted(record["outcome"] for record in records)
    assert outcomes == ["ok"] * (STREAMS // 2) + ["stopped"] * (STREAMS // 2)
    assert len(log_lines(tmp_path / "turns.log")) == STREAMS
    assert integrity(tmp_path / "ledger.db") == "ok"


ARGUMENTS = '{"b": 1,  "a": 2}'


def history(number: int) -> list[Json]:
    """The second request of a conversation, the arguments written anew by the client."""
    function = {"name": "f", "arguments": '{"a":2,"b":1}'}
    call = {"id": f"call{number:05}", "type": "function", "function": function}
    return [
        {"role": "user", "content": f"kept {number}"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": "done"},
    ]


async def test_a_kill_under_traffic_leaves_ledger_and_log_intact(tmp_path: Path) -> None:
    """Conversations that were written before are restored after a new start."""
    kept = 10

    def script(request: Request) -> Script:
        name, _, number = last_text(request).partition(" ")
        if name == "stalls":
            return [*stream_response(EVENTS[:3], finish=False), Stall()]
        if name != "kept":
            return stream_response(EVENTS)
        call = tool_call_deltas("f", [ARGUMENTS], f"call{int(number):05}")
        events = chat_stream([], late_deltas=call, finish_reason="tool_calls")
        return stream_response(events)

    async with Backend(otherwise=script, gap_s=0) as backend:
        async with serving_on_disk(tmp_path, backend.url) as process:
            for number in range(kept):
                body = {"messages": history(number)[:1], "stream": True}
                assert (await exchange(process.url, "POST", CHAT, body)).complete
            await until(lambda: remembered(tmp_path / "ledger.db") == kept)
            async with AsyncExitStack() as stack:
                streams = await begun(stack, process.url, ["stalls"] * 20)
                traffic = [asyncio.create_task(talk(process.url, n)) for n in range(8)]
                await until(lambda: remembered(tmp_path / "ledger.db") >= kept + 40)
                process.child.kill()
                await rest(streams)
                await asyncio.gather(*traffic)
                await process.child.wait()
        *whole, half = (tmp_path / "turns.log").read_bytes().split(b"\n")
        checked = integrity(tmp_path / "ledger.db")
        before = len(backend.requests)
        async with serving_on_disk(tmp_path, backend.url) as process:
            for number in range(kept):
                await exchange(process.url, "POST", CHAT, {"messages": history(number)})
            process.signal(signal.SIGTERM)
            status, records = await process.ended()

    assert not any(answer.complete for _, answer in streams)
    assert checked == "ok"
    assert len([json.loads(line) for line in whole]) >= kept
    lines = (tmp_path / "turns.log").read_bytes().split(b"\n")[len(whole) + bool(half) : -1]
    assert [json.loads(line) for line in lines] == records
    assert status == 0
    assert [record["restored"] for record in records] == [["arguments"]] * kept
    sent = [request.json()["messages"][1] for request in backend.requests[before:]]
    assert [message["tool_calls"][0]["function"]["arguments"] for message in sent] == (
        [ARGUMENTS] * kept
    )
    known = {*LEDGER, "turns.log", "config.toml", "warmprefix"}  # the last: which proxies run
    assert {file.name for file in files_of(tmp_path)} <= known


LEDGER = ("ledger.db", "ledger.db-wal", "ledger.db-shm", "slots.json")


def files_of(folder: Path) -> list[Path]:
    """What is in a folder."""
    return list(folder.iterdir())


async def talk(url: str, number: int) -> None:
    """Request after request, until there is nobody to answer."""
    for count in range(10_000):
        body = {"messages": [{"role": "user", "content": f"{number}/{count}"}], "stream": True}
        try:
            answer = await exchange(url, "POST", CHAT, body)
        except (ConnectionError, EOFError):
            return
        if not answer.complete:
            return
