"""What dialects do alike with one element of a body: its members, and the name of a tool."""

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

from warmprefix.core.errors import NotUnderstood
from warmprefix.core.types import OpaquePart, RawJson, Shape, Tool
from warmprefix.core.wire.slices import Span, decode, decode_short, is_json

COPIED_BYTES = 1024 * 1024
"""How much is copied in one step."""


def cut(text: bytes, start: int, end: int) -> bytes:
    """The slice from `start` to `end`. A long one is copied step by step: beside a copy no other thread runs,
    and 90 MB take 35 ms."""
    if end - start <= COPIED_BYTES:
        return text[start:end]
    copy, view = BytesIO(), memoryview(text)
    for at in range(start, end, COPIED_BYTES):
        copy.write(view[at : min(at + COPIED_BYTES, end)])
    return copy.getvalue()


def decoded(raw: bytes, spans: Mapping[str, Span], name: str) -> Any:
    """A member's value; None if it is not there. Raises NotUnderstood."""
    return decode(raw[slice(*spans[name])]) if name in spans else None


def check_json(raw: bytes) -> None:
    """Raises NotUnderstood for what no parser reads. A slice that is not decoded may be no JSON, and an element
    that loses it when it is written anew would be mended: the backend would answer what it should refuse."""
    try:
        decode_short(raw)
    except NotUnderstood:
        if not is_json(raw):
            raise


def others(raw: bytes, spans: Mapping[str, Span], *known: str) -> dict[str, RawJson]:
    """The members that have no field of ours, as they came."""
    return {
        name: RawJson(raw[start:end]) for name, (start, end) in spans.items() if name not in known
    }


def opaque_part(raw: bytes, span: Span) -> OpaquePart:
    """The part in a slice of its message. Only a small one is cut out: it keeps no more alive than itself."""
    start, end = span
    if end - start > COPIED_BYTES:
        return OpaquePart(RawJson(raw), start, end)
    return OpaquePart(RawJson(raw[start:end]))


def named_tool(raw: bytes, shape: Shape, name_of: Callable[[dict[str, Any]], object]) -> Tool:
    """A tool with its name, if that can be read. Raises NotUnderstood for what no parser reads."""
    try:
        value = decode(raw)
    except NotUnderstood:
        check_json(raw)
        return Tool(None, RawJson(raw), shape)
    name = name_of(value) if isinstance(value, dict) else None
    return Tool(name if isinstance(name, str) else None, RawJson(raw), shape)


def own_name(tool: Mapping[str, Any]) -> object:
    """The name that stands in a tool itself."""
    return tool.get("name")
