"""A scripted reply as llama-server writes it on `/v1/chat/completions`: JSON, or events in order."""

from collections.abc import Mapping
from typing import Any

from tests.clients.endpoint_replies import Call, Counts, Json, Reply
from tests.fakes.scripted_replies import chat_reply, chat_stream, timings, tool_call_deltas, usage

MODEL = "scripted"


def completion(reply: Reply, counts: Counts, turn: int) -> Json:
    """The answer as one object."""
    calls = [
        {
            "id": _id(turn, number),
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for number, call in enumerate(reply.calls)
    ]
    return chat_reply(
        reply.text,
        *_read(counts),
        model=MODEL,
        finish_reason=_finish(reply),
        message={"tool_calls": calls} if calls else None,
    )


def completion_events(
    reply: Reply, counts: Counts, turn: int, request: Mapping[str, Any]
) -> list[bytes]:
    """The stream, with an event for the counts if the request asks for it."""
    half = len(reply.text) // 2
    return chat_stream(
        [piece for piece in (reply.text[:half], reply.text[half:]) if piece],
        late_deltas=[
            delta
            for number, call in enumerate(reply.calls)
            for delta in _deltas(call, turn, number)
        ],
        include_usage=bool((request.get("stream_options") or {}).get("include_usage")),
        usage=usage(*_read(counts)),
        timings=timings(*_read(counts)),
        model=MODEL,
        finish_reason=_finish(reply),
    )


def _deltas(call: Call, turn: int, number: int) -> list[Json]:
    half = len(call.arguments) // 2
    pieces = [call.arguments[:half], call.arguments[half:]]
    return tool_call_deltas(call.name, pieces, _id(turn, number), index=number)


def _id(turn: int, number: int) -> str:
    return f"call{turn:03}x{number}"


def _finish(reply: Reply) -> str:
    return "tool_calls" if reply.calls else "stop"


def _read(counts: Counts) -> tuple[int, int, int]:
    return counts.prompt - counts.cached, counts.cached, counts.generated
