"""The load: raw connections that send one request after the other. A process of its own.

`python -m bench.path.load PORT KIND CONCURRENCY REQUESTS` prints JSON: seconds of each request, and of all.
"""

import asyncio
import json
import sys
import time

KINDS = ("1 KB", "20 KB", "1 MB", "stream")
_MESSAGES = {"1 KB": 4, "20 KB": 40, "1 MB": 1000, "stream": 40}
_CHARACTERS = {"1 KB": 180, "20 KB": 430, "1 MB": 950, "stream": 430}


def body_of(kind: str) -> bytes:
    """A history as clients send it, with tool calls; a stream is asked for by its kind."""
    text = "some words of text, a bit of code(); " * 40
    messages: list[dict[str, object]] = [{"role": "system", "content": text[:400]}]
    for number in range(_MESSAGES[kind] // 4):
        call = {"name": "read", "arguments": json.dumps({"path": f"f{number}", "limit": 5})}
        calls = [{"id": f"c{number}", "type": "function", "function": call}]
        messages += [
            {"role": "user", "content": f"{number} {text}"[: _CHARACTERS[kind]]},
            {"role": "assistant", "content": "", "tool_calls": calls},
            {"role": "tool", "tool_call_id": f"c{number}", "content": text * 2},
            {"role": "assistant", "content": f"Done {number}."},
        ]
    stream = {"stream": True} if kind == "stream" else {}
    value = {**stream, "model": "mock", "messages": [*messages, {"role": "user", "content": "Go."}]}
    return json.dumps(value, separators=(",", ":")).encode()


async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> float:
    """Seconds until the whole answer is there."""
    began = time.perf_counter()
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 200 " in head.split(b"\r\n")[0], head
    lower = head.lower()
    if b"content-length:" in lower:
        await reader.readexactly(int(lower.partition(b"content-length:")[2].split(b"\r\n")[0]))
    else:
        await reader.readuntil(b"\r\n0\r\n\r\n")
    return time.perf_counter() - began


async def run(port: int, kind: str, concurrency: int, requests: int) -> dict[str, object]:
    """All requests, by so many connections at once."""
    body = body_of(kind)
    head = (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n"
    )
    request = head % len(body) + body
    seconds: list[float] = []

    async def connection(count: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**26)
        seconds.extend([await one(reader, writer, request) for _ in range(count)])
        writer.close()

    await connection(max(requests // 10, 3))  # warm
    seconds.clear()
    began = time.perf_counter()
    await asyncio.gather(*(connection(requests // concurrency) for _ in range(concurrency)))
    return {"seconds": seconds, "total": time.perf_counter() - began, "bytes": len(body)}


if __name__ == "__main__":
    port, kind, concurrency, requests = sys.argv[1:]
    print(json.dumps(asyncio.run(run(int(port), kind, int(concurrency), int(requests)))))
