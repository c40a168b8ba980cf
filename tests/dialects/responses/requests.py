"""Items and requests of the Responses API as tests make them."""

import json
from typing import Any

from warmprefix.core.types import (
    CallPart,
    Content,
    Message,
    Part,
    RawJson,
    ReasoningPart,
    ResultPart,
    TextPart,
    ToolCall,
)
from warmprefix.dialects.base import Memory, NoMemory, Request
from warmprefix.dialects.responses import RESPONSES
from warmprefix.dialects.responses.shape import NAMES, SHAPE

Json = dict[str, Any]


def dumped(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def parse(body: Any, memory: Memory | None = None) -> Request:
    """The request in a body, which may be written already. Raises NotUnderstood."""
    raw = body if isinstance(body, bytes) else dumped(body)
    return RESPONSES.parse(raw, memory or NoMemory(RESPONSES))


def text(content: str, **extra: bytes) -> TextPart:
    """A text among others."""
    return TextPart(content, {name: RawJson(raw) for name, raw in extra.items()})


def whole(content: str) -> TextPart:
    """A text that is all there is."""
    return TextPart(content, is_bare=True)


def called(call_id: str, name: str, arguments: str, **extra: bytes) -> CallPart:
    marks = {key: RawJson(raw) for key, raw in extra.items()}
    kept = NAMES.call
    return CallPart(ToolCall(call_id, name, arguments, None, "function_call", marks, keys=kept))


def message(role: str | None, *parts: Part, **fields: Any) -> Message:
    return Message(role, parts, keys=NAMES.message, shape=SHAPE, **fields)


def result(call_id: str, *parts: Content, **extra: bytes) -> Message:
    marks = {key: RawJson(raw) for key, raw in extra.items()}
    return message("tool", ResultPart(call_id, parts, marks))


OPAQUE = Message(None, opaque=True, shape=SHAPE)

# Items as llama-server and Codex write them.
ASKED: Json = {
    "type": "message", "role": "user", "content": [{"type": "input_text", "text": "Why?"}]}  # fmt: skip
THOUGHT: Json = {
    "type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "",
    "content": [{"type": "reasoning_text", "text": "Hm.\n"}]}  # fmt: skip
SAID: Json = {
    "type": "message", "status": "completed", "id": "msg_1", "role": "assistant", "content": [
        {"type": "output_text", "text": "  I look.\n\n", "annotations": [], "logprobs": []}]}  # fmt: skip
CALLED: Json = {
    "type": "function_call", "status": "completed", "id": "fc_1", "name": "look",
    "arguments": '{ "at": 1e1 }', "call_id": "fc_a"}  # fmt: skip
RESULT: Json = {
    "type": "function_call_output", "id": "fco_1", "call_id": "fc_a", "output": "a wall\n"}  # fmt: skip
SEARCHED: Json = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
LOOK: Json = {
    "type": "function", "name": "look", "description": "Look.", "parameters": {"type": "object"}}  # fmt: skip
REPLY = message(
    "assistant",
    ReasoningPart("Hm.\n"),
    whole("  I look.\n\n"),
    called("fc_a", "look", '{ "at": 1e1 }'),
)
