"""One element of a chat completion's message array as a `Message`, without losing a byte of it.

A field of the expected type is decoded; anything else stays in `extra` as raw JSON. A message that a
strict parser refuses, or that names a member twice, is opaque: it is forwarded and compared as it is.
"""

import sys
from collections.abc import Mapping

from warmprefix.core.errors import NotUnderstood
from warmprefix.core.types import (
    EMPTY,
    Message,
    OpaquePart,
    Part,
    RawJson,
    TextPart,
    Tool,
    ToolCall,
)
from warmprefix.core.wire.slices import Span, decode, elements, is_json, members

_TEXTS = {
    "role": "role",
    "reasoning_content": "reasoning",
    "tool_call_id": "tool_call_id",
    "name": "name",
}

_FIELDS = {"content": "content", **_TEXTS}


def parse_message(raw: bytes) -> Message:
    """The message in `raw`, opaque where it is not understood.

    Raises NotUnderstood for text that is not JSON by any parser: the whole body is then not ours.
    """
    try:
        return _parse_texts(raw, decode(raw)) or _parse_fields(raw)
    except NotUnderstood:
        if not is_json(raw):
            raise
        return Message(role=None, opaque=True, raw=RawJson(raw))


def _parse_texts(raw: bytes, value: object) -> Message | None:
    """The message where all its members are texts that have a field, and each is there once; else None.

    Most are like that, and need not be walked: with four quotes a member none is there twice.
    """
    if not isinstance(value, dict) or not _FIELDS.keys() >= value.keys() or b"\\\\" in raw:
        return None
    quotes = raw.count(b'"') - raw.count(b'\\"')
    if quotes != 4 * len(value) or not all(type(text) is str for text in value.values()):
        return None
    if "role" not in value:
        return None
    fields = {_FIELDS[name]: text for name, text in value.items()}
    fields["role"] = sys.intern(fields["role"])
    return Message(keys=_interned(tuple(value)), raw=RawJson(raw), **fields)


def _parse_fields(raw: bytes) -> Message:
    spans = members(raw)
    fields: dict[str, object] = {}
    extra: dict[str, RawJson] = {}
    for key, (start, end) in spans.items():
        value = RawJson(raw[start:end])
        if key in _TEXTS and value.startswith(b'"'):
            fields[_TEXTS[key]] = decode(value)
        elif key == "content" and value[:1] in (b'"', b"["):
            fields["content"] = _parse_content(value)
        elif key == "tool_calls" and (calls := _parse_calls(value)):
            fields["tool_calls"] = calls
        else:
            extra[key] = value
    if not isinstance(fields.get("role"), str):
        raise NotUnderstood("a message without a role")
    return Message(
        role=sys.intern(str(fields.pop("role"))),
        extra=extra or EMPTY,
        keys=_interned(tuple(spans)),
        raw=RawJson(raw),
        **fields,  # type: ignore[arg-type]  # each name is bound to its type four lines above
    )


def _parse_content(raw: bytes) -> str | tuple[Part, ...]:
    if raw.startswith(b'"'):
        text: str = decode(raw)
        return text
    return tuple(_parse_part(raw[start:end]) for start, end in elements(raw))


def _parse_part(raw: bytes) -> Part:
    if not raw.startswith(b"{"):
        return OpaquePart(RawJson(raw))
    spans = members(raw)
    if not (_is(raw, spans, "type", b'"text"') and _slice(raw, spans, "text").startswith(b'"')):
        return OpaquePart(RawJson(raw))
    extra = _extra(raw, spans, ("type", "text"))
    return TextPart(decode(_slice(raw, spans, "text")), extra)


def _parse_calls(raw: bytes) -> tuple[ToolCall, ...] | None:
    """The calls of a non-empty array of objects, else None: the array then stays in `extra`."""
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
    """One tool with its name, where that can be read."""
    try:
        value = decode(raw)
    except NotUnderstood:
        if not is_json(raw):
            raise
        return Tool(name=None, definition=RawJson(raw))
    function = value.get("function") if isinstance(value, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    return Tool(name=name if isinstance(name, str) else None, definition=RawJson(raw))


def _slice(raw: bytes, spans: Mapping[str, Span], key: str) -> bytes:
    start, end = spans.get(key, (0, 0))
    return raw[start:end]


def _is(raw: bytes, spans: Mapping[str, Span], key: str, value: bytes) -> bool:
    return _slice(raw, spans, key) == value


def _extra(raw: bytes, spans: Mapping[str, Span], known: tuple[str, ...]) -> Mapping[str, RawJson]:
    extra = {
        key: RawJson(raw[start:end]) for key, (start, end) in spans.items() if key not in known
    }
    return extra or EMPTY


_SHAPES: dict[tuple[str, ...], tuple[str, ...]] = {}
_MAX_SHAPES = 1024  # clients use a handful; a hostile one must not grow the table


def _interned(keys: tuple[str, ...]) -> tuple[str, ...]:
    """One tuple for all messages of the same shape: a history holds thousands of the same."""
    if len(_SHAPES) >= _MAX_SHAPES:
        return _SHAPES.get(keys, keys)
    return _SHAPES.setdefault(keys, keys)
