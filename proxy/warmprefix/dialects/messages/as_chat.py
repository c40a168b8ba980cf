"""The chat completion that llama-server makes of a Messages request, to have it rendered.

As tools/server/server-chat.cpp does it: texts of the instructions without a separator, one message of text
and calls, then one for each result; what it does not know is left out.
"""

from collections.abc import Iterator

import orjson

from warmprefix.core.errors import NotUnderstood
from warmprefix.core.types import (
    CallPart,
    Message,
    Prompt,
    ReasoningPart,
    ResultPart,
    TextPart,
    Tool,
)
from warmprefix.core.wire.slices import decode

Json = dict[str, object]

_CHOICES = {"auto": "auto", "any": "required", "tool": "required"}  # any other is dropped


def as_chat(prompt: Prompt) -> bytes:
    """The body. A tool that no strict parser reads is left out."""
    body: Json = {"messages": [one for m in prompt.messages for one in _messages(m)]}
    if prompt.tools:
        body["tools"] = [tool for one in prompt.tools for tool in _tool(one)]
    options = {name: decode(raw) for name, raw in prompt.template_options.items()}
    choice = options.pop("tool_choice", None)
    if isinstance(choice, dict) and (wanted := _CHOICES.get(str(choice.get("type")))):
        options["tool_choice"] = wanted
    return orjson.dumps({**body, **options})


def _messages(message: Message) -> Iterator[Json]:
    texts = [part.text for part in message.parts if isinstance(part, TextPart)]
    if message.is_outside:
        yield {"role": "system", "content": "".join(texts)}
        return
    calls = [part for part in message.parts if isinstance(part, CallPart)]
    thought = "".join(part.text for part in message.parts if isinstance(part, ReasoningPart))
    if texts or calls or thought:
        is_bare = len(message.parts) == 1 and isinstance(message.content, str)
        content = message.content if is_bare else _blocks(texts)
        one: Json = {"role": message.role, "content": content}
        if thought:
            one["reasoning_content"] = thought
        if calls:
            one["tool_calls"] = [_call(part) for part in calls]
        yield one
    for result in message.results:
        yield {"role": "tool", "tool_call_id": result.call_id, "content": _text_of(result)}


def _blocks(texts: list[str]) -> object:
    return [{"type": "text", "text": text} for text in texts] if texts else ""


def _call(part: CallPart) -> Json:
    call = part.call
    raw = call.arguments_raw
    arguments = call.arguments or "{}" if raw is None else orjson.dumps(decode(raw)).decode()
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    }


def _text_of(result: ResultPart) -> str:
    return "".join(part.text for part in result.parts if isinstance(part, TextPart))


def _tool(tool: Tool) -> Iterator[Json]:
    try:
        definition = decode(tool.definition)
    except NotUnderstood:
        return
    value = definition if isinstance(definition, dict) else {}
    names = {"name": "name", "description": "description", "input_schema": "parameters"}
    function = {new: value[old] for old, new in names.items() if old in value}
    yield {"type": "function", "function": function}
