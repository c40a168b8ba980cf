"""Items of `input` as messages, without losing a byte of them.

llama-server makes one message of the items in a row that the assistant said: what it thought, its text, its
calls (tools/server/server-chat.cpp, `server_chat_convert_responses_to_chatcmpl`). So does this: the bytes of
such a message are those of all its items and of the text between them. Any other item is a message of its own.
One that llama-server refuses stays as it came.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from warmprefix.core.errors import NotUnderstood
from warmprefix.core.messages import mark_only_text, shown_parts
from warmprefix.core.types import (
    EMPTY,
    CallPart,
    Content,
    Message,
    OpaquePart,
    Part,
    RawJson,
    ReasoningPart,
    ResultPart,
    TextPart,
    Tool,
    ToolCall,
)
from warmprefix.core.wire.slices import Span, decode, elements, is_json, members, value_end
from warmprefix.dialects.elements import (
    check_json,
    decoded,
    named_tool,
    opaque_part,
    others,
    own_name,
)
from warmprefix.dialects.responses.shape import NAMES, SHAPE

_ROLES = frozenset({"user", "system", "developer", "assistant"})
_ASSISTANT = "assistant"
_TEXTS = {_ASSISTANT: frozenset({"output_text", "input_text"})}
_INPUT = frozenset({"input_text"})
# Bookkeeping of the API: no template ever gets it, so no model sees it.
_OF_ITEM = ("type", "id", "status")
_OF_TEXT = ("type", "text", "annotations", "logprobs")


@dataclass(frozen=True, slots=True)
class _Item:
    role: str
    parts: tuple[Part, ...]
    extra: dict[str, RawJson] = field(default_factory=dict)


def parse_message(raw: bytes) -> Message:
    """The message in `raw`, opaque if it is not understood.

    A text is that of the instructions, which are outside the array. Raises NotUnderstood for text that is not
    JSON by any parser: the whole body is then not ours.
    """
    try:
        if raw.startswith(b'"'):
            return parse_instructions(raw)
        return _parse_items(raw)
    except NotUnderstood:
        return _opaque(raw)


def parse_item(raw: bytes, parse: Callable[[bytes], Message]) -> Message:
    """One element of the array, by `parse` if it is an object. Raises NotUnderstood."""
    return parse(raw) if raw.startswith(b"{") else _opaque(raw)


def _opaque(raw: bytes) -> Message:
    if not raw or not is_json(b"[" + raw + b"]"):
        raise NotUnderstood("an item that is no JSON")
    return Message(role=None, opaque=True, shape=SHAPE, raw=RawJson(raw))


def parse_instructions(raw: bytes) -> Message:
    """The instructions. Raises NotUnderstood."""
    text = shown_parts(decode(raw))
    return Message(
        "system", text, keys=NAMES.message, shape=SHAPE, is_outside=True, raw=RawJson(raw)
    )


def parse_question(raw: bytes) -> Message:
    """The user's message that an `input` without an array is. Raises NotUnderstood.

    Its bytes are those of the item that it is in every later request.
    """
    message = Message("user", shown_parts(decode(raw)), keys=NAMES.message, shape=SHAPE)
    return replace(message, raw=SHAPE.write(message))


def is_reply(message: Message) -> bool:
    """Whether the assistant said it: what the assistant says next then belongs to the same message."""
    return message.role == _ASSISTANT


def _parse_items(raw: bytes) -> Message:
    items = [_read_item(item) for item in _slices(raw)]
    if len(items) != 1 and {item.role for item in items} != {_ASSISTANT}:
        raise NotUnderstood("the items of no message, or of several")
    return Message(
        items[0].role,
        mark_only_text(part for item in items for part in item.parts),
        extra={name: raw for item in items for name, raw in item.extra.items()} or EMPTY,
        keys=NAMES.message,
        shape=SHAPE,
        raw=RawJson(raw),
    )


def _slices(raw: bytes) -> list[bytes]:
    """The bytes of each item. One alone, which may have a picture in it, is not copied."""
    if raw.startswith(b"{") and value_end(raw, 0) == len(raw):
        check_json(raw)
        return [raw]
    text = b"[" + raw + b"]"
    check_json(text)
    return [text[start:end] for start, end in elements(text)]


def _read_item(raw: bytes) -> _Item:
    spans = members(raw)
    match decoded(raw, spans, "type"):
        case None | "message":
            return _parse_said(raw, spans)
        case "reasoning":
            return _Item(_ASSISTANT, (_parse_reasoning(raw, spans),))
        case "function_call":
            return _Item(_ASSISTANT, (CallPart(_parse_call(raw, spans)),))
        case "function_call_output":
            return _Item("tool", (_parse_result(raw, spans),))
        case _:
            raise NotUnderstood("an item of another kind")


def _parse_said(raw: bytes, spans: dict[str, Span]) -> _Item:
    role = decoded(raw, spans, "role")
    if not isinstance(role, str) or role not in _ROLES:
        raise NotUnderstood("a message of nobody")
    kinds = _TEXTS.get(role, _INPUT)
    extra = others(raw, spans, *_OF_ITEM, "role", "content")
    return _Item(role, _parse_content(raw, spans, "content", kinds), extra)


def _parse_content(
    raw: bytes, spans: dict[str, Span], name: str, kinds: frozenset[str]
) -> tuple[Content, ...]:
    start, end = spans.get(name, (0, 0))
    if raw[start : start + 1] == b'"':
        return shown_parts(decode(raw[start:end]))
    found = elements(raw, start)  # not cut out as a whole: pictures are large
    return tuple(_parse_part(raw, span, kinds) for span in found)


def _parse_part(raw: bytes, span: Span, kinds: frozenset[str]) -> Content:
    start = span[0]
    if raw[start : start + 1] != b"{":
        return opaque_part(raw, span)
    spans = members(raw, start)
    kind, text = decoded(raw, spans, "type"), decoded(raw, spans, "text")
    if not isinstance(kind, str) or kind not in kinds or not isinstance(text, str):
        return opaque_part(raw, span)
    return TextPart(text, others(raw, spans, *_OF_TEXT) or EMPTY)


def _parse_reasoning(raw: bytes, spans: dict[str, Span]) -> ReasoningPart:
    """What was thought: llama-server reads the first text and refuses an item that has none."""
    match decoded(raw, spans, "summary"), decoded(raw, spans, "content"):
        case [*_], [{"text": str(text)}, *_]:
            return ReasoningPart(text)
        case _:
            raise NotUnderstood("reasoning that cannot be read")


def _parse_call(raw: bytes, spans: dict[str, Span]) -> ToolCall:
    known = ("call_id", "name", "arguments")
    call_id, name, arguments = (decoded(raw, spans, key) for key in known)
    if not (isinstance(call_id, str) and isinstance(name, str) and isinstance(arguments, str)):
        raise NotUnderstood("a call without id, name or arguments")
    extra = others(raw, spans, *_OF_ITEM, *known)
    return ToolCall(call_id, name, arguments, type="function_call", extra=extra, keys=NAMES.call)


def _parse_result(raw: bytes, spans: dict[str, Span]) -> ResultPart:
    call_id = decoded(raw, spans, "call_id")
    if not isinstance(call_id, str):
        raise NotUnderstood("a result of no call")
    shown = mark_only_text(_parse_content(raw, spans, "output", _INPUT))
    parts = tuple(part for part in shown if isinstance(part, TextPart | OpaquePart))
    return ResultPart(call_id, parts, others(raw, spans, *_OF_ITEM, "call_id", "output"))


def parse_tool(raw: bytes) -> Tool:
    """One tool with its name, if that can be read."""
    return named_tool(raw, SHAPE, own_name)
