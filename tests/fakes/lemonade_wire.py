"""Heads, compression and stream bytes of Lemonade Server's answers (cpp-httplib 0.47).

Captured from 2026.39.1: no `Server`, no `Date`; a status of 400 or more closes the connection; JSON is
compressed if the client asks for it, an event stream never. Streams are llama-server's bytes as they are, so
their keys are not sorted and `model` is the GGUF file.
"""

import gzip
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tests.fakes.lemonade_cache import Counts
from tests.fakes.lemonade_shapes import Reply, completion, gguf, stop_reason
from tests.fakes.scripted import Cut, Send, Step, Wait
from tests.fakes.scripted_http import Request
from tests.fakes.scripted_replies import (
    COMPLETION_ID,
    JsonObject,
    chat_stream,
    dump,
    head,
    http_chunk,
    last_chunk,
    sse,
    timings,
    tool_call_deltas,
    usage,
)

CORS = [
    ("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, OPTIONS"),
    (
        "Access-Control-Allow-Headers",
        "Content-Type, Authorization, X-Client-Session-Id, X-Account-Session-Id, "
        "mcp-protocol-version, traceparent, Mcp-Session-Id",
    ),
]
VARY = ("Vary", "Origin")
NOT_KEPT = [
    ("Pragma", "no-cache"),
    ("Expires", "0"),
    ("Cache-Control", "no-cache, no-store, must-revalidate"),
]
"""Headers of the page."""
PING = b": ping\n\n"


@dataclass(frozen=True)
class Wire:
    """The parts of an answer's head that depend on the request and on the server's limits."""

    request: Request
    idle_timeout_s: float
    max_requests: int

    def answer(self, status: int, body: object, content_type: str = "application/json") -> Step:
        """One answer that is not streamed, keys sorted, as one arrival."""
        data = body if isinstance(body, bytes) else dump(body, sort_keys=True)
        headers = [*self.kept(status), *self.allowed_origin(status), *CORS]
        if "gzip" in (self.request.header("accept-encoding") or "") and data:
            data = gzip.compress(data, mtime=0)
            headers += [("Vary", "Accept-Encoding"), VARY, ("Content-Encoding", "gzip")]
        else:
            headers.append(VARY)
        headers += self.closed(status)
        headers += NOT_KEPT if content_type == "text/html" else []
        headers += [("Content-Type", content_type)] if data else []
        return Send(head(status, [*headers, ("Content-Length", str(len(data)))]) + data)

    def stream_head(self) -> Step:
        """The head of an event stream, sent as soon as the model is loaded."""
        headers = [
            ("Keep-Alive", self.limits),
            ("Transfer-Encoding", "chunked"),
            ("X-Accel-Buffering", "no"),
            ("Content-Type", "text/event-stream"),
            ("Connection", "keep-alive"),
        ]
        headers += [*self.allowed_origin(200), *CORS, ("Cache-Control", "no-cache"), VARY]
        return Send(head(200, headers))

    @property
    def limits(self) -> str:
        """Value of `Keep-Alive`."""
        return f"timeout={self.idle_timeout_s:g}, max={self.max_requests}"

    def closes(self, status: int) -> bool:
        """The connection ends: after an error, and after the last request allowed."""
        last = self.request.ordinal >= self.max_requests
        return status >= 400 or last or self.request.wants_close

    def kept(self, status: int) -> list[tuple[str, str]]:
        """Headers of a connection that stays open, at the beginning."""
        return [] if self.closes(status) else [("Keep-Alive", self.limits)]

    def closed(self, status: int) -> list[tuple[str, str]]:
        """Headers of a connection that ends, after the others."""
        return [("Connection", "close")] if self.closes(status) else []

    def allowed_origin(self, status: int) -> list[tuple[str, str]]:
        """The origin, repeated; not a foreign one."""
        origin = self.request.header("origin")
        return [("Access-Control-Allow-Origin", origin)] if origin and status != 403 else []


def answered(wire: Wire, status: int, body: object) -> list[Step]:
    """An answer that is not streamed, and the end of the connection after an error."""
    steps: list[Step] = [wire.answer(status, body)]
    return [*steps, Cut()] if status >= 400 else steps


def streamed(wire: Wire, pieces: Sequence[Step]) -> list[Step]:
    """A stream that ends cleanly as HTTP, whatever it contains."""
    return [wire.stream_head(), *pieces, Send(last_chunk())]


def events(lines: Sequence[bytes], pause_s: float = 0.0) -> list[Step]:
    """SSE events, one HTTP chunk each, with a pause before each."""
    wait: list[Step] = [Wait(pause_s)] if pause_s else []
    return [step for line in lines for step in (*wait, Send(http_chunk(line)))]


def prefill(seconds: float, ping_every_s: float | None) -> list[Step]:
    """Silence while the prompt is evaluated, with a comment line now and then if pings are on."""
    if ping_every_s is None:
        return [Wait(seconds)] if seconds else []
    count = int(seconds / ping_every_s)
    pings: list[Step] = [Wait(ping_every_s), Send(http_chunk(PING))]
    return [*pings * count, Wait(seconds - count * ping_every_s)]


def error_event(body: JsonObject) -> list[Step]:
    """An error inside a stream: no `[DONE]` follows."""
    return events([b"data: " + dump(body, sort_keys=True) + b"\n\n"])


def chat_lines(model: str, reply: Reply, counts: Counts, *, include_usage: bool) -> list[bytes]:
    """The event stream of `chat/completions`; the first line is the role."""
    numbers = (counts.processed, counts.cached, counts.generated)
    reasoning = [{"reasoning_content": text} for text in words(reply.reasoning or "")]
    calls = [
        delta
        for i, (name, arguments) in enumerate(reply.tool_calls)
        for delta in tool_call_deltas(name, halves(arguments), f"call_{i}", index=i)
    ]
    return chat_stream(
        words(reply.text),
        usage=usage(*numbers),
        timings=timings(*numbers),
        include_usage=include_usage,
        deltas=reasoning,
        late_deltas=calls,
        model=gguf(model),
        finish_reason=reply.reason,
    )


def completion_lines(model: str, reply: Reply, counts: Counts) -> list[bytes]:
    """The event stream of `completions`: usage is in the last chunk without being asked for."""
    whole = completion(gguf(model), reply, counts)
    last = {**whole, "choices": [{**whole["choices"][0], "text": ""}]}
    common = {name: whole[name] for name in whole if name not in ("usage", "timings", "choices")}
    choice = {"index": 0, "logprobs": None, "finish_reason": None}
    chunks = [{"choices": [{"text": word, **choice}], **common} for word in words(reply.text)]
    return sse(*chunks, last, "[DONE]")


def anthropic_lines(model: str, reply: Reply) -> list[bytes]:
    """The event stream of `/v1/messages`: keys sorted, usage is 0/0 throughout."""
    zero = {"input_tokens": 0, "output_tokens": 0}
    message: JsonObject = {
        "id": COMPLETION_ID, "type": "message", "role": "assistant", "content": [], "model": model,
        "stop_reason": None, "stop_sequence": None, "usage": zero}  # fmt: skip
    block = {"type": "text", "text": ""}
    stop = {"stop_reason": stop_reason(reply), "stop_sequence": None}
    texts = [{"type": "text_delta", "text": word} for word in words(reply.text)]
    bodies: list[JsonObject] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
        *({"type": "content_block_delta", "index": 0, "delta": text} for text in texts),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": stop, "usage": zero},
        {"type": "message_stop"},
    ]
    named = [(body["type"].encode(), dump(body, sort_keys=True)) for body in bodies]
    return [b"event: %b\ndata: %b\n\n" % pair for pair in named]


def words(text: str) -> list[str]:
    """The text in pieces, each with the blank before it."""
    return re.findall(r"\s*\S+|\s+$", text)


def halves(text: str) -> list[str]:
    """The text in two pieces."""
    middle = len(text) // 2
    return [text[:middle], text[middle:]]
