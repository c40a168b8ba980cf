"""Chat completions as tests make and read them."""

from collections.abc import Mapping, Sequence

from warmprefix.core.messages import parts_of, shown_parts
from warmprefix.core.types import (
    EMPTY,
    CallPart,
    Content,
    Message,
    RawJson,
    ReasoningPart,
    ResultPart,
    ToolCall,
)
from warmprefix.dialects.base import Memory, NoMemory, Request
from warmprefix.dialects.chat_completions import CHAT
from warmprefix.dialects.chat_completions.shape import SHAPE

NAME = CHAT.name
PATHS = CHAT.paths
render = CHAT.render
reader = CHAT.reader
with_slot = CHAT.with_slot
as_chat = CHAT.as_chat


def parse(body: bytes, memory: Memory | None = None) -> Request:
    """The request in `body`. Raises NotUnderstood."""
    return CHAT.parse(body, memory or NoMemory(CHAT))


def tool_call(
    id: str | None,
    name: str | None,
    arguments: str | None,
    arguments_raw: RawJson | None = None,
    type: str | None = "function",
    extra: Mapping[str, RawJson] = EMPTY,
    function_extra: Mapping[str, RawJson] = EMPTY,
    keys: tuple[str, ...] = SHAPE.names.call,
    function_keys: tuple[str, ...] = SHAPE.names.function,
) -> ToolCall:
    """A call with its members in the usual order."""
    return ToolCall(
        id, name, arguments, arguments_raw, type, extra, function_extra, keys, function_keys
    )


def chat_message(
    role: str | None,
    content: str | Sequence[Content] | None = None,
    reasoning: str | None = None,
    tool_calls: Sequence[ToolCall] = (),
    tool_call_id: str | None = None,
    name: str | None = None,
    extra: Mapping[str, RawJson] = EMPTY,
    keys: tuple[str, ...] = (),
    opaque: bool = False,
    raw: RawJson | None = None,
) -> Message:
    """A message of a chat completion with these members."""
    parts = parts_of(content, reasoning, tool_calls)
    if role == "tool":
        thought = () if reasoning is None else (ReasoningPart(reasoning),)
        result = ResultPart(tool_call_id, shown_parts(content))
        parts = (*thought, result, *map(CallPart, tool_calls))
    return Message(role, parts, name, extra, keys, opaque, SHAPE, raw=raw)
