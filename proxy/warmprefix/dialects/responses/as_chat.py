"""The chat completion that llama-server makes of a Responses request, to have it rendered.

As tools/server/server-chat.cpp does it: what the assistant says in a row is one message, of its reasoning only
the last text counts, and tools that are no functions are left out.
"""

from collections.abc import Iterator, Sequence

import orjson

from warmprefix.core.errors import NotUnderstood
from warmprefix.core.types import (
    CallPart,
    Content,
    Message,
    OpaquePart,
    Prompt,
    ReasoningPart,
    ResultPart,
    TextPart,
    Tool,
)
from warmprefix.core.wire.slices import decode
from warmprefix.dialects.responses.shape import plain_text

EFFORT = "reasoning.effort"
"""What of `reasoning` reaches a template."""

Json = dict[str, object]


def as_chat(prompt: Prompt) -> bytes:
    """The body. What no strict parser reads is left out."""
    body: Json = {"messages": [one for m in prompt.messages for one in _messages(m)]}
    tools = [tool for one in prompt.tools or () if (tool := _tool(one)) is not None]
    if tools:
        body["tools"] = tools
    for name, raw in prompt.template_options.items():
        body["reasoning_effort" if name == EFFORT else name] = decode(raw)
    return orjson.dumps(body)


def _messages(message: Message) -> Iterator[Json]:
    shown = [part for part in message.parts if isinstance(part, TextPart | OpaquePart)]
    if message.opaque:
        return
    if message.is_outside:
        yield {"role": "system", "content": message.content}
    elif message.role == "assistant":
        yield _reply(message, shown)
    elif message.logical_role == "tool":
        yield from map(_result, message.results)
    else:
        yield {"role": message.role, "content": _blocks(shown)}


def _reply(message: Message, shown: Sequence[Content]) -> Json:
    thoughts = [part.text for part in message.parts if isinstance(part, ReasoningPart)]
    calls = [part for part in message.parts if isinstance(part, CallPart)]
    one: Json = {"role": "assistant"}
    if shown or thoughts:
        one["content"] = _blocks(shown)
    if thoughts:
        one["reasoning_content"] = thoughts[-1]
    if calls:
        one["tool_calls"] = [_call(part) for part in calls]
    return one


def _call(part: CallPart) -> Json:
    call = part.call
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def _result(part: ResultPart) -> Json:
    text = plain_text(part.parts)
    content = _blocks(part.parts) if text is None else text
    return {"role": "tool", "tool_call_id": part.call_id, "content": content}


def _blocks(parts: Sequence[Content]) -> list[Json]:
    return [block for part in parts if (block := _block(part)) is not None]


def _block(part: Content) -> Json | None:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    match _value(part.raw):
        case {"type": "input_image", "image_url": url}:
            return {"type": "image_url", "image_url": {"url": url}}
        case _:
            return None


def _tool(tool: Tool) -> Json | None:
    match _value(tool.definition):
        case {"type": "function", **function}:
            return {"type": "function", "function": {"strict": True, **function}}
        case _:
            return None


def _value(raw: bytes) -> object:
    try:
        return decode(raw)
    except NotUnderstood:
        return None
