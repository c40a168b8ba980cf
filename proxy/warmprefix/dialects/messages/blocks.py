"""Content blocks as parts, without losing a byte of them.

llama-server reads text, thinking, tool_use and tool_result and drops every other block
(tools/server/server-chat.cpp, `server_chat_convert_anthropic_to_oai`); those stay as they came.
"""

import sys
from collections.abc import Callable
from dataclasses import replace

from warmprefix.core.errors import NotUnderstood
from warmprefix.core.messages import changed, mark_only_text, shown_parts
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
from warmprefix.core.wire.slices import Span, decode, elements, is_json, members
from warmprefix.dialects.elements import (
    COPIED_BYTES,
    check_json,
    cut,
    decoded,
    named_tool,
    opaque_part,
    others,
    own_name,
)
from warmprefix.dialects.messages.shape import SHAPE

_OPENS = (b'"', b"[")
_READ = frozenset({"text", "thinking", "tool_use", "tool_result"})
"""Kinds of blocks. Another one is a part as it came."""


def parse_message(raw: bytes) -> Message:
    """The message in `raw`, opaque if it is not understood.

    What is no object but text or blocks is the content of instructions that stand outside the array. Raises
    NotUnderstood for text that is not JSON by any parser: the whole body is then not ours.
    """
    is_outside = raw[:1] in _OPENS
    try:
        check_json(raw)
        return parse_system(raw) if is_outside else _parse_message(raw)
    except NotUnderstood:
        return replace(_opaque(raw), is_outside=is_outside)


def parse_element(raw: bytes, parse: Callable[[bytes], Message]) -> Message:
    """One element of the message array, by `parse` if it is an object. Raises NotUnderstood."""
    return parse(raw) if raw.startswith(b"{") else _opaque(raw)


def _opaque(raw: bytes) -> Message:
    if not is_json(raw):
        raise NotUnderstood("a message that is no JSON")
    return Message(role=None, opaque=True, shape=SHAPE, raw=RawJson(raw))


def results_first(message: Message) -> tuple[Message, ...]:
    """The message; two if something stands behind tool results in it: the results, and then the rest.

    llama-server makes several messages of it, and puts the rest in front of the results that the client has
    put before it (`[result, text]` is rendered as text, result; b11549).
    """
    if message.role != "user" or not message.results:
        return (message,)
    kinds = [isinstance(part, ResultPart) for part in message.parts]
    if all(kinds[kinds.index(True) :]):
        return (message,)
    pairs = tuple(zip(message.parts, kinds, strict=True))
    return (
        _of_parts(message, tuple(part for part, is_result in pairs if is_result)),
        _of_parts(message, tuple(part for part, is_result in pairs if not is_result)),
    )


def _of_parts(message: Message, parts: tuple[Part, ...]) -> Message:
    """A message with the bytes that it would have come as."""
    apart = (replace(p, is_bare=False) if isinstance(p, TextPart) else p for p in parts)
    new = changed(message, parts=tuple(apart))
    return replace(new, raw=SHAPE.write(new))


def parse_system(raw: bytes) -> Message:
    """The instructions. Raises NotUnderstood."""
    return Message(
        "system", _shown(raw, 0, len(raw)), shape=SHAPE, is_outside=True, raw=RawJson(raw)
    )


def _parse_message(raw: bytes) -> Message:
    spans = members(raw)
    role = decoded(raw, spans, "role")
    start, end = spans.get("content", (0, 0))
    if not isinstance(role, str) or raw[start : start + 1] not in _OPENS:
        raise NotUnderstood("a message without role or content")
    extra = {
        name: RawJson(raw[start:end])
        for name, (start, end) in spans.items()
        if name not in ("role", "content")
    }
    return Message(
        sys.intern(role),
        _shown(raw, start, end),
        extra=extra or EMPTY,
        keys=tuple(map(sys.intern, spans)),
        shape=SHAPE,
        raw=RawJson(raw),
    )


def _shown(raw: bytes, start: int, end: int) -> tuple[Part, ...]:
    """The parts of a message. A text alone in an array is for the rule `text-parts`."""
    parts = parse_content(raw, start, end)
    return parts if len(parts) == 1 else mark_only_text(parts)


def parse_content(raw: bytes, start: int, end: int) -> tuple[Part, ...]:
    """The parts of the string or array of blocks in this slice, which is not cut out as a whole: pictures are
    large. Raises NotUnderstood."""
    if raw[start : start + 1] == b'"':
        return shown_parts(decode(raw[start:end]))
    return tuple(_parse_block(raw, span) for span in elements(raw, start))


def _parse_block(whole: bytes, span: Span) -> Part:
    if span[1] - span[0] > COPIED_BYTES and _is_opaque(whole, span[0]):
        return opaque_part(whole, span)
    raw = cut(whole, *span)
    if not raw.startswith(b"{"):
        return OpaquePart(RawJson(raw))
    spans = members(raw)
    match decoded(raw, spans, "type"):
        case "text" if isinstance(text := decoded(raw, spans, "text"), str):
            return TextPart(text, others(raw, spans, "type", "text"))
        case "thinking" if isinstance(text := decoded(raw, spans, "thinking"), str):
            signature = decoded(raw, spans, "signature")
            return ReasoningPart(
                text, signature if isinstance(signature, str) else None, RawJson(raw)
            )
        case "tool_use" if "input" in spans:
            return _parse_call(raw, spans)
        case "tool_result":
            return _parse_result(raw, spans)
        case _:
            return OpaquePart(RawJson(raw))


def _is_opaque(raw: bytes, start: int) -> bool:
    """Whether the block at `start` is of a kind that is not read, as a picture is."""
    return raw[start : start + 1] != b"{" or decoded(raw, members(raw, start), "type") not in _READ


def _parse_call(raw: bytes, spans: dict[str, Span]) -> Part:
    named = {name: decoded(raw, spans, name) for name in ("id", "name") if name in spans}
    if not all(isinstance(value, str) for value in named.values()):
        return OpaquePart(RawJson(raw))
    call = ToolCall(
        id=named.get("id"),
        name=named.get("name"),
        arguments=None,
        arguments_raw=RawJson(raw[slice(*spans["input"])]),
        type="tool_use",
        extra=others(raw, spans, "type", "id", "name", "input"),
        keys=tuple(map(sys.intern, spans)),
    )
    return CallPart(call)


def _parse_result(raw: bytes, spans: dict[str, Span]) -> Part:
    call_id = decoded(raw, spans, "tool_use_id")
    start, end = spans.get("content", (0, 0))
    is_read = raw[start : start + 1] in _OPENS
    has_odd_content = not is_read and raw[start:end] not in (b"", b"null")
    if has_odd_content or ("tool_use_id" in spans and not isinstance(call_id, str)):
        return OpaquePart(RawJson(raw))
    shown: list[Content] = []
    for part in parse_content(raw, start, end) if is_read else ():
        if not isinstance(part, TextPart | OpaquePart):
            return OpaquePart(RawJson(raw))
        shown.append(part)
    return ResultPart(
        call_id if isinstance(call_id, str) else None,
        tuple(shown),
        others(raw, spans, "type", "tool_use_id", "content"),
        RawJson(raw),
    )


def parse_tool(raw: bytes) -> Tool:
    """One tool with its name, if that can be read."""
    return named_tool(raw, SHAPE, own_name)
