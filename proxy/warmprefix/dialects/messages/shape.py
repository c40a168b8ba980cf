"""How a message of the Messages API is written, and what its members are called."""

from collections.abc import Iterator

import orjson

from warmprefix.core.types import (
    CallPart,
    Content,
    Message,
    Names,
    Part,
    RawJson,
    ReasoningPart,
    ResultPart,
    TextPart,
    ToolCall,
)
from warmprefix.core.wire.slices import in_order, is_json, string, write_object

NAMES = Names(
    array="messages",
    tools="tools",
    message=("role", "content"),
    role="role",
    content="content",
    reasoning="thinking",
    calls="content",
    call_id="tool_use_id",
    name="",
    call=("type", "id", "name", "input"),
    function=(),
    call_name="name",
    call_arguments="input",
    tool=("name", "description", "input_schema"),
    tool_function=(),
    function_of="",
    mark="cache_control",
    outside="system",
    joins_texts=False,
    has_text_arguments=False,
)


class MessagesShape:
    """The shape of messages whose content is blocks."""

    names = NAMES

    def __repr__(self) -> str:
        return "MessagesShape()"

    def write(self, message: Message) -> RawJson:
        """A message as JSON, in the order of its `keys`; of the one outside the array its content alone."""
        content = write_content(message.parts)
        if message.is_outside:
            return RawJson(content)
        values = {"role": string(message.role or ""), "content": content, **message.extra}
        return RawJson(write_object(in_order(values, message.keys)))

    def write_call(self, call: ToolCall) -> RawJson:
        """A `tool_use` block."""
        values = {
            "type": b'"tool_use"',
            "id": None if call.id is None else string(call.id),
            "name": None if call.name is None else string(call.name),
            "input": _input(call),
            **call.extra,
        }
        return RawJson(write_object(in_order(values, call.keys)))


SHAPE = MessagesShape()


def write_content(parts: tuple[Part, ...]) -> bytes:
    """Content as JSON: a string if it is one text that was one, else blocks."""
    if len(parts) == 1 and isinstance(parts[0], TextPart) and parts[0].is_bare:
        return string(parts[0].text)
    return b"[" + b",".join(map(_block, parts)) + b"]"


def _block(part: Part) -> bytes:
    match part:
        case TextPart():
            return write_object(
                (("type", b'"text"'), ("text", string(part.text)), *part.extra.items())
            )
        case ReasoningPart():
            return part.raw or write_object(_thinking(part))
        case CallPart():
            return SHAPE.write_call(part.call)
        case ResultPart():
            return part.raw or write_object(_result(part))
        case _:
            return part.raw


def _thinking(part: ReasoningPart) -> Iterator[tuple[str, bytes]]:
    yield from (("type", b'"thinking"'), ("thinking", string(part.text)))
    if part.signature is not None:
        yield ("signature", string(part.signature))


def _result(part: ResultPart) -> Iterator[tuple[str, bytes]]:
    yield ("type", b'"tool_result"')
    if part.call_id is not None:
        yield ("tool_use_id", string(part.call_id))
    shown: tuple[Content, ...] = part.parts
    if shown:
        yield ("content", write_content(shown))
    yield from part.extra.items()


def _input(call: ToolCall) -> bytes:
    """Arguments as a value; what is no JSON becomes a text, so that nothing is lost."""
    if call.arguments_raw is not None:
        return call.arguments_raw
    text = (call.arguments or "").strip() or "{}"
    raw = text.encode("utf-8", "surrogatepass")
    return raw if is_json(raw) else orjson.dumps(text)
