"""A reply in the shapes of llama-server's chat completions, whole or as a stream."""

import json
from collections.abc import Iterator

from bench.sessions.script import Json
from bench.sessions.wire import Answer

_PIECE = 24  # characters of a streamed delta: several to a reply, tool calls included


def whole_reply(message: Json, evaluated: Json, asked: Json) -> Answer:
    """The message with the counts that llama-server returned for its prompt."""
    del asked
    choice = {"finish_reason": _finish(message), "index": 0, "message": message}
    reply = {
        **_frame(evaluated, "chat.completion"),
        "choices": [choice],
        "usage": evaluated["usage"],
        "timings": evaluated["timings"],
    }
    return Answer(200, "application/json; charset=utf-8", json.dumps(reply).encode())


def event_stream(message: Json, evaluated: Json, asked: Json) -> Answer:
    """The same in pieces; usage only if it was asked for, as llama-server does (server-task.cpp:502)."""
    frame = _frame(evaluated, "chat.completion.chunk")
    chunks = [
        {**frame, "choices": [{"finish_reason": None, "index": 0, "delta": delta}]}
        for delta in _deltas(message)
    ]
    chunks.append(
        {**frame, "choices": [{"finish_reason": _finish(message), "index": 0, "delta": {}}]}
    )
    if (asked.get("stream_options") or {}).get("include_usage"):
        chunks.append({**frame, "choices": [], "usage": evaluated["usage"]})
    chunks[-1]["timings"] = evaluated["timings"]
    texts = (*(json.dumps(chunk) for chunk in chunks), "[DONE]")
    body = "".join(f"data: {text}\n\n" for text in texts)
    return Answer(200, "text/event-stream", body.encode())


def _frame(evaluated: Json, kind: str) -> Json:
    return {key: evaluated[key] for key in ("id", "created", "model")} | {"object": kind}


def _finish(message: Json) -> str:
    return "tool_calls" if message.get("tool_calls") else "stop"


def _deltas(message: Json) -> Iterator[Json]:
    yield {"role": "assistant", "content": None}
    for key in ("reasoning_content", "content"):
        for piece in pieces(message.get(key) or ""):
            yield {key: piece}
    for at, call in enumerate(message.get("tool_calls") or ()):
        function = call["function"]
        first = {"name": function["name"], "arguments": ""}
        yield {
            "tool_calls": [{"index": at, "id": call["id"], "type": "function", "function": first}]
        }
        for piece in pieces(function["arguments"]):
            yield {"tool_calls": [{"index": at, "function": {"arguments": piece}}]}


def pieces(text: str) -> Iterator[str]:
    """The text in deltas."""
    for at in range(0, len(text), _PIECE):
        yield text[at : at + _PIECE]
