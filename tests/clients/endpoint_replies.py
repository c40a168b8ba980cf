"""A scripted reply as llama-server writes it on `/v1/messages` and `/v1/responses`: JSON, or events in order.

The order and the members are those of Debian's build b11669: a block is not closed before the next one starts,
a call starts without arguments, and nothing counts the events.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """A tool call; `arguments` is the JSON text as the model wrote it."""

    name: str
    arguments: str


@dataclass(frozen=True)
class Reply:
    """What the scripted model says: text, then calls."""

    text: str = ""
    calls: tuple[Call, ...] = ()


@dataclass(frozen=True)
class Counts:
    """Tokens of a turn, as llama-server counted them."""

    prompt: int
    cached: int
    generated: int


def message(reply: Reply, counts: Counts, turn: int) -> Json:
    """The answer of `/v1/messages` as one object."""
    text: list[Json] = [{"type": "text", "text": reply.text}] if reply.text else []
    calls = [
        {"type": "tool_use", "id": ident, "name": call.name, "input": json.loads(call.arguments)}
        for ident, call in _named(reply, turn)
    ]
    return {
        **_message(counts, [*text, *calls], turn),
        "stop_reason": "tool_use" if reply.calls else "end_turn",
        "usage": {**_read(counts), "output_tokens": counts.generated},
    }


def message_events(reply: Reply, counts: Counts, turn: int, _: Json) -> list[bytes]:
    """The stream of `/v1/messages`."""
    events = [_event("message_start", message=_message(counts, [], turn))]
    index = 0
    if reply.text:
        block = {"type": "text", "text": ""}
        events += [_event("content_block_start", index=index, content_block=block)]
        events += [
            _delta(index, {"type": "text_delta", "text": piece}) for piece in _halves(reply.text)
        ]
        index += 1
    for ident, call in _named(reply, turn):
        block = {"type": "tool_use", "id": ident, "name": call.name}
        events += [_event("content_block_start", index=index, content_block=block)]
        events += [
            _delta(index, {"type": "input_json_delta", "partial_json": piece})
            for piece in _halves(call.arguments)
        ]
        index += 1
    events += [_event("content_block_stop", index=number) for number in range(index)]
    stop = {"stop_reason": "tool_use" if reply.calls else "end_turn", "stop_sequence": None}
    usage = {"output_tokens": counts.generated}
    return [*events, _event("message_delta", delta=stop, usage=usage), _event("message_stop")]


def response(reply: Reply, counts: Counts, turn: int) -> Json:
    """The answer of `/v1/responses` as one object."""
    return {
        "id": f"resp_{turn}",
        "object": "response",
        "created_at": 1795494234,
        "model": "scripted",
        "status": "completed",
        "output": _items(reply, turn),
        "usage": {
            "input_tokens": counts.prompt,
            "output_tokens": counts.generated,
            "total_tokens": counts.prompt + counts.generated,
            "input_tokens_details": {"cached_tokens": counts.cached},
        },
    }


def response_events(reply: Reply, counts: Counts, turn: int, _: Json) -> list[bytes]:
    """The stream of `/v1/responses`."""
    begun = {"id": f"resp_{turn}", "object": "response", "status": "in_progress"}
    events = [_event("response.created", response=begun)]
    events += [_event("response.in_progress", response=begun)]
    done: list[bytes] = []
    for item in _items(reply, turn):
        place = {"item_id": item["id"]}
        if item["type"] == "message":
            part = item["content"][0]
            empty = {**item, "content": [], "status": "in_progress"}
            events += [_event("response.output_item.added", item=empty)]
            events += [_event("response.content_part.added", **place, part={**part, "text": ""})]
            events += [
                _event("response.output_text.delta", **place, delta=piece)
                for piece in _halves(part["text"])
            ]
            done += [_event("response.output_text.done", **place, text=part["text"])]
            done += [_event("response.content_part.done", **place, part=part)]
        else:
            empty = {**item, "arguments": "", "status": "in_progress"}
            events += [_event("response.output_item.added", item=empty)]
            events += [
                _event("response.function_call_arguments.delta", **place, delta=piece)
                for piece in _halves(item["arguments"])
            ]
        done += [_event("response.output_item.done", item=item)]
    timings = {"cache_n": counts.cached, "prompt_n": counts.prompt - counts.cached}
    end = _event("response.completed", response=response(reply, counts, turn), timings=timings)
    return [*events, *done, end]


def _message(counts: Counts, content: list[Json], turn: int) -> Json:
    return {
        "id": f"chatcmpl-{turn}",  # Claude Code makes one message of replies with one id
        "type": "message",
        "role": "assistant",
        "content": content,
        "model": "scripted",
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**_read(counts), "output_tokens": 0},
    }


def _read(counts: Counts) -> Mapping[str, int]:
    return {
        "cache_read_input_tokens": counts.cached,
        "input_tokens": counts.prompt - counts.cached,
    }


def _items(reply: Reply, turn: int) -> list[Json]:
    items: list[Json] = []
    if reply.text:
        part = {"type": "output_text", "annotations": [], "logprobs": [], "text": reply.text}
        head = {"id": f"msg_{turn}", "type": "message", "role": "assistant"}
        items += [{**head, "status": "completed", "content": [part]}]
    for ident, call in _named(reply, turn):
        names = {"name": call.name, "arguments": call.arguments, "call_id": f"fc_{ident}"}
        items += [
            {"id": f"fc_{ident}", "type": "function_call", "status": "completed", **names},
        ]
    return items


def _named(reply: Reply, turn: int) -> Iterable[tuple[str, Call]]:
    return ((f"call{turn}x{number}", call) for number, call in enumerate(reply.calls))


def _halves(text: str) -> list[str]:
    return [piece for piece in (text[:7], text[7:]) if piece]


def _delta(index: int, delta: Json) -> bytes:
    return _event("content_block_delta", index=index, delta=delta)


def _event(kind: str, **members: Any) -> bytes:
    data = json.dumps({"type": kind, **members}, separators=(",", ":"), ensure_ascii=False)
    return f"event: {kind}\ndata: {data}\n\n".encode()
