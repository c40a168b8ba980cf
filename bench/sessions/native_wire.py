"""A reply in the shapes of llama-server's Messages and Responses API, whole or as a stream.

Order and members of the events as captured from b11669 and xllamacpp 2026.10: no block is closed before all
have begun; the counts of a Messages reply stand at its beginning, those of a Responses reply at its end.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from bench.sessions.evaluation import Evaluated
from bench.sessions.reply_wire import pieces
from bench.sessions.script import Json
from bench.sessions.wire import Answer

Block = tuple[Json, str]
"""A block or an item as it begins, and the text that grows in it."""


def native_reply(
    path: str, message: Json, evaluated: Evaluated, generated: int, *, is_stream: bool
) -> Answer:
    """The scripted message with the counts that llama-server returned for its prompt."""
    whole, events = _SHAPES[path]
    if is_stream:
        return Answer(200, "text/event-stream", b"".join(events(message, evaluated, generated)))
    body = json.dumps(whole(message, evaluated, generated), ensure_ascii=False)
    return Answer(200, "application/json; charset=utf-8", body.encode())


def _event(kind: str, **members: Any) -> bytes:
    text = json.dumps({"type": kind, **members}, ensure_ascii=False)
    return f"event: {kind}\ndata: {text}\n\n".encode()


def _blocks(message: Json) -> Iterator[Block]:
    if thought := message.get("reasoning_content"):
        yield {"type": "thinking", "thinking": ""}, thought
    if text := message.get("content"):
        yield {"type": "text", "text": ""}, text
    for call in message.get("tool_calls") or ():
        named = {"id": call["id"], "name": call["function"]["name"]}
        yield {"type": "tool_use", **named}, call["function"]["arguments"]


def _whole_block(block: Json, text: str) -> Json:
    match block["type"]:
        case "thinking":
            return {"type": "thinking", "thinking": text, "signature": ""}
        case "text":
            return {"type": "text", "text": text}
        case _:
            return {**block, "input": json.loads(text)}


def _stop(message: Json) -> str:
    return "tool_use" if message.get("tool_calls") else "end_turn"


def _messages_whole(message: Json, evaluated: Evaluated, generated: int) -> Json:
    return {
        **evaluated.answer,
        "content": [_whole_block(*block) for block in _blocks(message)],
        "stop_reason": _stop(message),
        "usage": {**evaluated.answer["usage"], "output_tokens": generated},
    }


_BLOCK_DELTAS = {
    "thinking": ("thinking_delta", "thinking"),
    "text": ("text_delta", "text"),
    "tool_use": ("input_json_delta", "partial_json"),
}


def _messages_events(message: Json, evaluated: Evaluated, generated: int) -> Iterator[bytes]:
    usage = {**evaluated.answer["usage"], "output_tokens": 0}
    head = {**evaluated.answer, "content": [], "stop_reason": None, "usage": usage}
    yield _event("message_start", message=head)
    found = list(_blocks(message))
    for index, (block, text) in enumerate(found):
        yield _event("content_block_start", index=index, content_block=block)
        kind, name = _BLOCK_DELTAS[block["type"]]
        for piece in pieces(text):
            yield _event("content_block_delta", index=index, delta={"type": kind, name: piece})
    if found and found[0][0]["type"] == "thinking":
        signed = {"type": "signature_delta", "signature": ""}
        yield _event("content_block_delta", index=0, delta=signed)
    for index in range(len(found)):
        yield _event("content_block_stop", index=index)
    ended = {"stop_reason": _stop(message), "stop_sequence": None}
    yield _event("message_delta", delta=ended, usage={"output_tokens": generated})
    yield _event("message_stop")


def _items(message: Json, evaluated: Evaluated) -> Iterator[Block]:
    mark = evaluated.answer["id"].removeprefix("resp_")
    if thought := message.get("reasoning_content"):
        begun = {"type": "reasoning", "id": f"rs_{mark}", "summary": [], "content": []}
        yield {**begun, "encrypted_content": ""}, thought
    if text := message.get("content"):
        yield {"type": "message", "id": f"msg_{mark}", "role": "assistant", "content": []}, text
    for call in message.get("tool_calls") or ():
        named = {"name": call["function"]["name"], "call_id": f"fc_{call['id']}"}
        begun = {"type": "function_call", "id": f"fc_{call['id']}", "arguments": "", **named}
        yield begun, call["function"]["arguments"]


def _whole_item(item: Json, text: str) -> Json:
    match item["type"]:
        case "reasoning":
            return {**item, "content": [{"type": "reasoning_text", "text": text}]}
        case "message":
            part = {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
            return {**item, "status": "completed", "content": [part]}
        case _:
            return {**item, "status": "completed", "arguments": text}


def _responses_whole(message: Json, evaluated: Evaluated, generated: int) -> Json:
    usage = evaluated.answer["usage"]
    total = usage["input_tokens"] + generated
    return {
        **evaluated.answer,
        "output": [_whole_item(*item) for item in _items(message, evaluated)],
        "usage": {**usage, "output_tokens": generated, "total_tokens": total},
    }


_ITEM_KINDS = {
    "reasoning": "reasoning_text",
    "message": "output_text",
    "function_call": "function_call_arguments",
}


def _responses_events(message: Json, evaluated: Evaluated, generated: int) -> Iterator[bytes]:
    begun = {"id": evaluated.answer["id"], "object": "response", "status": "in_progress"}
    yield _event("response.created", response=begun)
    yield _event("response.in_progress", response=begun)
    found = list(_items(message, evaluated))
    for item, text in found:
        yield _event("response.output_item.added", item={**item, "status": "in_progress"})
        if item["type"] == "message":
            part = {"type": "output_text", "text": ""}
            yield _event("response.content_part.added", item_id=item["id"], part=part)
        kind = f"response.{_ITEM_KINDS[item['type']]}.delta"
        yield from (_event(kind, item_id=item["id"], delta=piece) for piece in pieces(text))
    yield from _done(found)
    timings = {
        "cache_n": evaluated.cached_tokens,
        "prompt_n": evaluated.processed_tokens,
        "predicted_n": generated,
    }
    response = _responses_whole(message, evaluated, generated)
    yield _event("response.completed", response=response, timings=timings)


def _done(found: Sequence[Block]) -> Iterator[bytes]:
    for item, text in found:
        whole = _whole_item(item, text)
        name = "arguments" if item["type"] == "function_call" else "text"
        kind = f"response.{_ITEM_KINDS[item['type']]}.done"
        yield _event(kind, item_id=item["id"], **{name: text})
        if item["type"] == "message":
            part = whole["content"][0]
            yield _event("response.content_part.done", item_id=item["id"], part=part)
        yield _event("response.output_item.done", item=whole)


Whole = Callable[[Json, Evaluated, int], Json]
Events = Callable[[Json, Evaluated, int], Iterable[bytes]]
_SHAPES: dict[str, tuple[Whole, Events]] = {
    "/v1/messages": (_messages_whole, _messages_events),
    "/v1/responses": (_responses_whole, _responses_events),
}
