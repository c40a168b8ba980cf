"""How a message of the Responses API is written, and what its members are called.

An item's id and status and the like tell the model nothing, and llama-server does not read them
(tools/server/server-chat.cpp): they are kept in the bytes that an item came as, and are not written anew.
"""

from collections.abc import Iterator, Sequence

from warmprefix.core.types import (
    CallPart,
    Content,
    Message,
    Names,
    OpaquePart,
    RawJson,
    ReasoningPart,
    ResultPart,
    TextPart,
    ToolCall,
)
from warmprefix.core.wire.slices import in_order, string, write_object

NAMES = Names(
    array="input",
    tools="tools",
    message=("type", "role", "content", "name"),
    role="role",
    content="content",
    reasoning="reasoning",
    calls="function_call",
    call_id="call_id",
    name="",
    call=("type", "call_id", "name", "arguments"),
    function=(),
    call_name="name",
    call_arguments="arguments",
    tool=("type", "name", "description", "strict", "parameters"),  # as Codex 0.171.0 writes them
    tool_function=(),
    function_of="",
    mark="cache_control",
    joins_texts=False,
    outside="instructions",
)


class ResponsesShape:
    """The shape of messages that are items: one, or several in a row if the assistant says them."""

    names = NAMES

    def __repr__(self) -> str:
        return "ResponsesShape()"

    def write(self, message: Message) -> RawJson:
        """A message as its items, with commas between them; of the one outside the array its text."""
        if message.is_outside:
            texts = [part.text for part in message.parts if isinstance(part, TextPart)]
            return RawJson(string("\n".join(texts)))
        return RawJson(b",".join(_items(message)))

    def write_call(self, call: ToolCall) -> RawJson:
        """A `function_call` item."""
        values = {
            "type": b'"function_call"',
            "call_id": None if call.id is None else string(call.id),
            "name": None if call.name is None else string(call.name),
            "arguments": string(call.arguments or ""),
            **call.extra,
        }
        return RawJson(write_object(in_order(values, call.keys)))


SHAPE = ResponsesShape()


def _items(message: Message) -> Iterator[bytes]:
    shown: list[Content] = []
    for part in message.parts:
        if isinstance(part, TextPart | OpaquePart):
            shown.append(part)
            continue
        if shown:
            yield _said(message, shown)
            shown = []
        yield _item(part)
    if shown or not message.parts:
        yield _said(message, shown)


def _item(part: ReasoningPart | CallPart | ResultPart) -> RawJson:
    if isinstance(part, ReasoningPart):
        return _reasoning(part)
    return _result(part) if isinstance(part, ResultPart) else SHAPE.write_call(part.call)


def _said(message: Message, shown: list[Content]) -> RawJson:
    """A `message` item. Its content is always an array."""
    kind = b'"output_text"' if message.role == "assistant" else b'"input_text"'
    values = {
        "type": b'"message"',
        "role": string(message.role or ""),
        "content": _content(shown, kind),
        **message.extra,
    }
    return RawJson(write_object(values.items()))


def _reasoning(part: ReasoningPart) -> RawJson:
    text = write_object((("type", b'"reasoning_text"'), ("text", string(part.text))))
    values = (("type", b'"reasoning"'), ("summary", b"[]"), ("content", b"[" + text + b"]"))
    return RawJson(write_object(values))


def _result(part: ResultPart) -> RawJson:
    text = plain_text(part.parts)
    values = {
        "type": b'"function_call_output"',
        "call_id": string(part.call_id or ""),
        "output": _content(part.parts, b'"input_text"') if text is None else string(text),
        **part.extra,
    }
    return RawJson(write_object(values.items()))


def plain_text(parts: Sequence[Content]) -> str | None:
    """The text of a result that is nothing else; None if it is parts."""
    match parts:
        case (TextPart(is_bare=True) as text,):
            return text.text
        case _:
            return None


def _content(parts: Sequence[Content], kind: bytes) -> bytes:
    return b"[" + b",".join(_part(part, kind) for part in parts) + b"]"


def _part(part: Content, kind: bytes) -> bytes:
    if isinstance(part, OpaquePart):
        return part.raw
    return write_object((("type", kind), ("text", string(part.text)), *part.extra.items()))
