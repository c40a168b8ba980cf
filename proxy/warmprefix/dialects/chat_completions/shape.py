"""How a message of a chat completion is written, and what its members are called."""

from collections.abc import Iterable, Iterator, Mapping

import orjson

from warmprefix.core.types import (
    Content,
    Message,
    Names,
    OpaquePart,
    RawJson,
    ToolCall,
)
from warmprefix.core.wire.slices import in_order, string, write_object

NAMES = Names(
    array="messages",
    tools="tools",
    # What llama-server reads (common/chat.cpp:380-462).
    message=("role", "content", "reasoning_content", "tool_calls", "tool_call_id", "name"),
    role="role",
    content="content",
    reasoning="reasoning_content",
    calls="tool_calls",
    call_id="tool_call_id",
    name="name",
    call=("id", "type", "function"),
    function=("name", "arguments"),
    call_name="function.name",
    call_arguments="function.arguments",
    tool=("type", "function"),
    tool_function=("name", "description", "parameters", "strict"),
    function_of="function",
    mark="cache_control",
    api=frozenset(
        {
            # Part of the API if they carry something; as null they are gone before anybody asks.
            "refusal",
            "audio",
            "function_call",
            # Ask some servers to continue the last message instead of answering it.
            "prefix",
            "partial",
        }
    ),
)


class ChatShape:
    """The shape of a chat completion's messages."""

    names = NAMES

    def __repr__(self) -> str:
        return "ChatShape()"

    def write(self, message: Message) -> RawJson:
        """A message as JSON, in the order of its `keys`."""
        return _write_plain(message) or RawJson(write_object(_members(message)))

    def write_call(self, call: ToolCall) -> RawJson:
        """One tool call as JSON, in the order of its `keys`."""
        arguments = None if call.arguments is None else string(call.arguments)
        function = {
            "name": None if call.name is None else string(call.name),
            "arguments": arguments if call.arguments_raw is None else call.arguments_raw,
            **call.function_extra,
        }
        fields = {
            "id": None if call.id is None else string(call.id),
            "type": None if call.type is None else string(call.type),
            "function": write_object(in_order(function, call.function_keys)),
            **call.extra,
        }
        return RawJson(write_object(in_order(fields, call.keys)))


SHAPE = ChatShape()


def _write_plain(message: Message) -> RawJson | None:
    """The message in one go if it holds nothing but texts and calls made of texts, as most do; else None."""
    content, calls = message.content, message.tool_calls
    if message.extra or isinstance(content, tuple) or not all(map(_is_plain, calls)):
        return None
    values: dict[str, object] = {**_texts(message), "content": content}
    if calls:
        values["tool_calls"] = [_plain_call(call) for call in calls]
    try:
        return RawJson(orjson.dumps(_present(values, (*message.keys, *NAMES.message))))
    except orjson.JSONEncodeError:  # lone surrogates
        return None


def _is_plain(call: ToolCall) -> bool:
    return not call.extra and not call.function_extra and call.arguments_raw is None


def _plain_call(call: ToolCall) -> dict[str, object]:
    function = {"name": call.name, "arguments": call.arguments}
    fields = {
        "id": call.id,
        "type": call.type,
        "function": _present(function, (*call.function_keys, *function)),
    }
    return _present(fields, (*call.keys, *fields))


def _present(values: Mapping[str, object], names: Iterable[str]) -> dict[str, object]:
    """The values that are there, in the order of `names`."""
    return {name: value for name in names if (value := values.get(name)) is not None}


def _members(message: Message) -> Iterator[tuple[str, bytes]]:
    calls, texts = message.tool_calls, _texts(message)
    own = {
        **{key: string(text) for key, text in texts.items() if text is not None},
        "content": _write_content(message.content),
        "tool_calls": b"[" + b",".join(map(SHAPE.write_call, calls)) + b"]" if calls else None,
    }
    for key in dict.fromkeys((*message.keys, *NAMES.message)):
        value = message.extra.get(key) or own.get(key)
        if value is not None:
            yield key, value


def _texts(message: Message) -> dict[str, str | None]:
    """The members that hold a text and nothing else."""
    return {
        "role": message.role,
        "reasoning_content": message.reasoning,
        "tool_call_id": message.tool_call_id,
        "name": message.name,
    }


def _write_content(content: str | tuple[Content, ...] | None) -> bytes | None:
    if content is None:
        return None
    if isinstance(content, str):
        return string(content)
    return b"[" + b",".join(map(_write_part, content)) + b"]"


def _write_part(part: Content) -> bytes:
    if isinstance(part, OpaquePart):
        return part.raw
    return write_object((("type", b'"text"'), ("text", string(part.text)), *part.extra.items()))
