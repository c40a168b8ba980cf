"""Response bytes for scripts: HTTP framing, SSE framing, and llama-server shaped answers.

Shapes and key order: llama.cpp build 11434, tools/server/server-task.cpp:365-519 (usage, timings,
where each appears), server-common.cpp:84-105 (timings); streams as captured from a live server.
"""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from itertools import pairwise
from typing import Any

from tests.fakes.scripted import Cut, Send, Step

Headers = Sequence[tuple[str, str]]
JsonObject = dict[str, Any]

SSE_HEADERS = (("Content-Type", "text/event-stream"), ("X-Accel-Buffering", "no"))
MODEL = "/path/tiny.gguf"
COMPLETION_ID = "chatcmpl-0123456789abcdefghijABCDEFGHIJ01"
FINGERPRINT = "b1-7e4c0a9"
CREATED = 1795494234


def dump(value: object, *, sort_keys: bool = False) -> bytes:
    """Compact JSON, with characters beyond ASCII unescaped, as both servers write it."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=sort_keys)
    return text.encode()


def reason(status: int) -> str:
    """The reason phrase; any text is legal there."""
    known = {known.value: known.phrase for known in HTTPStatus}
    return known.get(status, "Other")


def head(status: int, headers: Headers) -> bytes:
    """Status line and headers, in the given order, with the empty line."""
    lines = [f"HTTP/1.1 {status} {reason(status)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def json_response(
    body: object, status: int = 200, headers: Headers = (), *, close: bool = False
) -> list[Step]:
    """One arrival with head and body; bytes are sent unchanged. `close` is announced and done."""
    data = body if isinstance(body, bytes) else dump(body)
    framing = [("Content-Type", "application/json"), ("Content-Length", str(len(data)))]
    framing += [("Connection", "close")] if close else []
    steps: list[Step] = [Send(head(status, [*framing, *headers]) + data)]
    return [*steps, Cut()] if close else steps


def stream_response(
    chunks: Sequence[bytes],
    *,
    chunked: bool = True,
    status: int = 200,
    headers: Headers = SSE_HEADERS,
    trailers: Headers = (),
    finish: bool = True,
    between: Step | None = None,
) -> list[Step]:
    """The head, then each chunk as one arrival, with `between` after each.

    Not chunked: the end of the connection ends the body. Without `finish` the body stays open: add the `Stall`,
    `Cut` or bytes that you need.
    """
    framing = ("Transfer-Encoding", "chunked") if chunked else ("Connection", "close")
    announced = [("Trailer", ", ".join(name for name, _ in trailers))] if trailers else []
    steps: list[Step] = [Send(head(status, [framing, *headers, *announced]))]
    for chunk in chunks:
        steps.append(Send(http_chunk(chunk) if chunked else chunk))
        steps += [between] if between else []
    if finish:
        steps.append(Send(last_chunk(trailers)) if chunked else Cut())
    return steps


def http_chunk(data: bytes) -> bytes:
    """The data as one chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def last_chunk(trailers: Headers = ()) -> bytes:
    """The end of a chunked body, with its trailers."""
    return b"0\r\n" + "".join(f"{n}: {v}\r\n" for n, v in trailers).encode("latin-1") + b"\r\n"


def interim(status: int = 103, headers: Headers = ()) -> Send:
    """A 1xx answer to come before the real one."""
    return Send(head(status, headers))


def sse(*events: object, line_end: str = "\n") -> list[bytes]:
    """One SSE event each: text as it is, anything else as JSON. `line_end` may be CRLF or CR."""
    end = line_end.encode()
    texts = [event.encode() if isinstance(event, str) else dump(event) for event in events]
    return [b"data: " + text + end + end for text in texts]


def split(data: bytes, *positions: int) -> list[bytes]:
    """The data cut at these byte positions, also inside a character."""
    edges = [0, *positions, len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def timings(prompt_n: int, cache_n: int, predicted_n: int) -> JsonObject:
    """llama-server's `timings` with invented times: 1 ms per prompt token, 10 ms per generated one."""
    return {
        "cache_n": cache_n,
        "prompt_n": prompt_n,
        "prompt_ms": float(prompt_n),
        "prompt_per_token_ms": 1.0,
        "prompt_per_second": 1000.0,
        "predicted_n": predicted_n,
        "predicted_ms": predicted_n * 10.0,
        "predicted_per_token_ms": 10.0,
        "predicted_per_second": 100.0,
    }


def usage(prompt_n: int, cache_n: int, predicted_n: int) -> JsonObject:
    """`usage` for the same counts: `prompt_tokens` is the whole prompt, reused part included."""
    return {
        "completion_tokens": predicted_n,
        "prompt_tokens": prompt_n + cache_n,
        "total_tokens": prompt_n + cache_n + predicted_n,
        "prompt_tokens_details": {"cached_tokens": cache_n},
    }


def chat_reply(
    text: str | None,
    prompt_n: int,
    cache_n: int,
    predicted_n: int = 8,
    *,
    model: str = MODEL,
    finish_reason: str = "stop",
    message: Mapping[str, Any] | None = None,
) -> JsonObject:
    """A chat completion that is not streamed; `message` adds members such as `tool_calls`."""
    spoken = {"role": "assistant", "content": text, **(message or {})}
    return {
        "choices": [{"finish_reason": finish_reason, "index": 0, "message": spoken}],
        "created": CREATED,
        "model": model,
        "system_fingerprint": FINGERPRINT,
        "object": "chat.completion",
        "usage": usage(prompt_n, cache_n, predicted_n),
        "id": COMPLETION_ID,
        "timings": timings(prompt_n, cache_n, predicted_n),
    }


def chat_stream(
    text_deltas: Sequence[str],
    *,
    usage: Mapping[str, Any] | None = None,
    timings: Mapping[str, Any] | None = None,
    include_usage: bool = False,
    deltas: Sequence[Mapping[str, Any]] = (),
    late_deltas: Sequence[Mapping[str, Any]] = (),
    model: str = MODEL,
    finish_reason: str = "stop",
    line_end: str = "\n",
) -> list[bytes]:
    """The SSE events of a streamed chat completion, `[DONE]` included.

    `deltas` (reasoning) are sent before the text, `late_deltas` (tool calls) after it. Counts default to 12
    evaluated and 30 reused. With `include_usage` an extra chunk without choices carries usage and timings;
    without it, timings are in the finish chunk and there is no usage (server-task.cpp:502-519).
    """
    count = len(text_deltas) + len(deltas) + len(late_deltas) + 1
    times = {"timings": timings or _timings(12, 30, count)}
    common = {"created": CREATED, "id": COMPLETION_ID, "model": model,
              "system_fingerprint": FINGERPRINT, "object": "chat.completion.chunk"}  # fmt: skip
    pieces = [{"role": "assistant", "content": None}, *deltas]
    pieces += [*({"content": text} for text in text_deltas), *late_deltas]
    events: list[object] = [_chunk(None, piece, common) for piece in pieces]
    finish = _chunk(finish_reason, {}, common)
    if include_usage:
        counted = {"usage": usage or _usage(12, 30, count)}
        events += [finish, {"choices": [], **common, **counted, **times}]
    else:
        events.append({**finish, **times})
    return sse(*events, "[DONE]", line_end=line_end)


_timings, _usage = timings, usage


def _chunk(reason: str | None, delta: Mapping[str, Any], common: Mapping[str, Any]) -> JsonObject:
    return {"choices": [{"finish_reason": reason, "index": 0, "delta": delta}], **common}


def tool_call_deltas(
    name: str, arguments: Sequence[str], call_id: str = "call_0", *, index: int = 0
) -> list[JsonObject]:
    """A tool call in pieces: name with the first piece of the arguments, then the rest."""
    first, *rest = arguments
    function = {"name": name, "arguments": first}
    call = {"index": index, "id": call_id, "type": "function", "function": function}
    later = [{"index": index, "function": {"arguments": piece}} for piece in rest]
    return [{"tool_calls": [piece]} for piece in (call, *later)]
