"""One element of a chat completion's message array as a `Message`, without losing a byte of it.

A field of the expected type is decoded; anything else stays in `extra` as raw JSON. A message that a
strict parser refuses, or that names a member twice, is opaque: it is forwarded and compared as it is.
"""

import sys
from collections.abc import Mapping

from warmprefix.core.errors import NotUnderstood
from warmprefix.core.messages import shown_parts
from warmprefix.core.types import (
    EMPTY,
    CallPart,
    Content,
    Message,
    Part,
    RawJson,
    ReasoningPart,
    ResultPart,
    TextPart,
    Tool,
    ToolCall,
)
from warmprefix.core.wire.slices import (
    Span,
    decode,
    decode_short,
    elements,
    is_json,
    members,
)
from warmprefix.dialects.chat_completions.shape import SHAPE
from warmprefix.dialects.elements import named_tool, opaque_part, others

_TEXTS = frozenset({"role", "reasoning_content", "tool_call_id", "name"})
_FIELDS = _TEXTS | {"content"}
_RESULT = "tool"  # the role of a result


def parse_message(raw: bytes) -> Message:
    """The message in `raw`, opaque if it is not understood.

    Raises NotUnderstood for text that is not JSON by any parser: the whole body is then not ours.
    """
    try:
        value, is_whole = decode_short(raw)
        return (_parse_texts(raw, value) if is_whole else None) or _parse_fields(raw)
    except NotUnderstood:
        if not is_json(raw):
            raise
        return Message(role=None, opaque=True, shape=SHAPE, raw=RawJson(raw))


def _parse_texts(raw: bytes, value: object) -> Message | None:
    """The message if all its members are texts that have a field, and each is there once; else None.

    Most are like that, and need not be walked: with four quotes a member none is there twice.
    """
    if not isinstance(value, dict) or not value.keys() <= _FIELDS or b"\\\\" in raw:
        return None
    quotes = raw.count(b'"') - raw.count(b'\\"')
    if quotes != 4 * len(value) or not all(type(text) is str for text in value.values()):
        return None
    if "role" not in value or ("tool_call_id" in value and value["role"] != _RESULT):
        return None
    return _message(raw, tuple(value), value, shown_parts(value.get("content")))


def _parse_fields(raw: bytes) -> Message:
    spans = members(raw)
    texts: dict[str, str] = {}
    content: tuple[Content, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    extra: dict[str, RawJson] = {}
    is_result = _slice(raw, spans, "role") == b'"tool"'
    for key, (start, end) in spans.items():
        if (
            key == "content"
            and raw[start : start + 1] == b"["
            and (shown := _parse_parts(raw, start))
        ):
            content = shown  # not cut out as a whole: pictures are large
            continue
        value = RawJson(raw[start:end])
        is_text = key in _TEXTS and value.startswith(b'"')
        if is_text and (is_result or key != "tool_call_id"):
            texts[key] = decode(value)
        elif key == "content" and value.startswith(b'"'):
            content = shown_parts(decode(value))
        elif key == "tool_calls" and (found := _parse_calls(value)):
            calls = found
        else:
            extra[key] = value
    if "role" not in texts:
        raise NotUnderstood("a message without a role")
    return _message(raw, tuple(spans), texts, content, calls, extra or EMPTY)


def _message(
    raw: bytes,
    keys: tuple[str, ...],
    texts: Mapping[str, str],
    content: tuple[Content, ...],
    calls: tuple[ToolCall, ...] = (),
    extra: Mapping[str, RawJson] = EMPTY,
) -> Message:
    role, reasoning = sys.intern(texts["role"]), texts.get("reasoning_content")
    shown: tuple[Part, ...] = content
    if role == _RESULT:
        shown = (ResultPart(texts.get("tool_call_id"), content),)
    thought = () if reasoning is None else (ReasoningPart(reasoning),)
    parts = (*thought, *shown, *map(CallPart, calls)) if thought or calls else shown
    return Message(
        role, parts, texts.get("name"), extra, _interned(keys), shape=SHAPE, raw=RawJson(raw)
    )


def _parse_parts(raw: bytes, start: int) -> tuple[Content, ...]:
    """The parts of the array that begins at `start`."""
    return tuple(_parse_part(raw, span) for span in elements(raw, start))


def _parse_part(raw: bytes, span: Span) -> Content:
    start = span[0]
    if raw[start : start + 1] != b"{":
        return opaque_part(raw, span)
    spans = members(raw, start)
    if not (_is(raw, spans, "type", b'"text"') and _slice(raw, spans, "text").startswith(b'"')):
        return opaque_part(raw, span)
    extra = _extra(raw, spans, ("type", "text"))
    return TextPart(decode(_slice(raw, spans, "text")), extra)


def _parse_calls(raw: bytes) -> tuple[ToolCall, ...] | None:
    """The calls of an array of objects that is not empty, else None: the array then stays in `extra`."""
    if not raw.startswith(b"["):
        return None
    slices = [raw[start:end] for start, end in elements(raw)]
    calls = [_parse_call(item) for item in slices if item.startswith(b"{")]
    whole = [call for call in calls if call is not None]
    return tuple(whole) if len(whole) == len(slices) else None


def _parse_call(raw: bytes) -> ToolCall | None:
    spans = members(raw)
    function = _slice(raw, spans, "function")
    if not function.startswith(b"{"):
        return None
    inner = members(function)
    arguments = _slice(function, inner, "arguments")
    is_text = arguments.startswith(b'"')
    is_raw = arguments.startswith(b"{") or arguments == b"null"
    texts = tuple(key for key in ("id", "type") if _slice(raw, spans, key).startswith(b'"'))
    named = _slice(function, inner, "name").startswith(b'"')
    known = (*(("name",) if named else ()), *(("arguments",) if is_text or is_raw else ()))
    return ToolCall(
        id=decode(_slice(raw, spans, "id")) if "id" in texts else None,
        type=decode(_slice(raw, spans, "type")) if "type" in texts else None,
        name=decode(_slice(function, inner, "name")) if named else None,
        arguments=decode(arguments) if is_text else None,
        arguments_raw=RawJson(arguments) if is_raw else None,
        extra=_extra(raw, spans, (*texts, "function")),
        function_extra=_extra(function, inner, known),
        keys=_interned(tuple(spans)),
        function_keys=_interned(tuple(inner)),
    )


def parse_tool(raw: bytes) -> Tool:
    """One tool with its name, if that can be read."""
    return named_tool(raw, SHAPE, _function_name)


def _function_name(tool: Mapping[str, object]) -> object:
    function = tool.get("function")
    return function.get("name") if isinstance(function, dict) else None


def _slice(raw: bytes, spans: Mapping[str, Span], key: str) -> bytes:
    start, end = spans.get(key, (0, 0))
    return raw[start:end]


def _is(raw: bytes, spans: Mapping[str, Span], key: str, value: bytes) -> bool:
    return _slice(raw, spans, key) == value


def _extra(raw: bytes, spans: Mapping[str, Span], known: tuple[str, ...]) -> Mapping[str, RawJson]:
    return others(raw, spans, *known) or EMPTY


_SHAPES: dict[tuple[str, ...], tuple[str, ...]] = {}
_MAX_SHAPES = 1024  # clients use a handful; a hostile one must not grow the table


def _interned(keys: tuple[str, ...]) -> tuple[str, ...]:
    """One tuple for all messages of the same shape: a history holds thousands of the same."""
    if len(_SHAPES) >= _MAX_SHAPES:
        return _SHAPES.get(keys, keys)
    return _SHAPES.setdefault(keys, keys)
