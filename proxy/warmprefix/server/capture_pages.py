"""Request and reply of a captured turn, for people: under `/warmprefix/api/turns/{turn}/captured`.

There is something to show only with `serve --capture`. What was said is then in a file anyway, and whoever may
open this page may send requests.
"""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import FastAPI, Path
from starlette.responses import Response

from warmprefix.capture.line import Captured
from warmprefix.capture.reader import CaptureReader
from warmprefix.capture.writer import Capture
from warmprefix.core.errors import NotUnderstood
from warmprefix.core.plural import plural
from warmprefix.core.types import (
    CallPart,
    Content,
    Message,
    Part,
    ReasoningPart,
    ResultPart,
    TextPart,
)
from warmprefix.dialects import DIALECTS, dialect_of
from warmprefix.dialects.base import NoMemory, read_reply
from warmprefix.server.api import as_json

LONGEST = 20_000
"""Characters that are shown of one text: more than anybody reads in a page."""

_NOTHING = (
    "Nothing is captured. `warmprefix serve --capture DIR` writes requests and replies to a file."
)
_NOT_THERE = "This turn is not in the capture, or is not written yet."


def add_captured(api: FastAPI, capture: Capture | None) -> None:
    """Add the page."""
    find: Callable[[str], Captured | None] | None = None
    if capture is not None:
        find = CaptureReader(capture.path).find
    lock = asyncio.Lock()  # one reading at a time

    @api.get("/warmprefix/api/turns/{turn}/captured")
    async def captured(turn: Annotated[str, Path(max_length=64)]) -> Response:
        """Request and reply of a turn, or why they cannot be shown: most sessions are not captured."""
        if find is None:
            return as_json({"captured": None, "why": _NOTHING})
        async with lock:
            return await asyncio.to_thread(_found, find, turn)


def _found(find: Callable[[str], Captured | None], turn: str) -> Response:
    captured = find(turn)
    if captured is None:
        return as_json({"captured": None, "why": _NOT_THERE})
    return as_json({"captured": shown(captured), "why": None})


def shown(captured: Captured) -> dict[str, Any]:
    """A captured turn as messages; `messages` is None if its body is not understood, `reply` if there is
    none."""
    dialect = dialect_of(captured.path) or DIALECTS[0]
    reply = read_reply(dialect, captured.response)
    try:
        prompt = dialect.parse(captured.request, NoMemory(dialect)).prompt
    except NotUnderstood:
        messages = None
    else:
        messages = [_message(message) for message in prompt.messages]
    return {
        "as_received": captured.as_received,
        "messages": messages,
        "reply": None if reply.message is None else _message(reply.message),
        "error": reply.error,
        "request": _cut(captured.request.decode(errors="replace")),
        "response": _cut(captured.response.decode(errors="replace")),
    }


def _message(message: Message) -> dict[str, Any]:
    parts = [_part(part) for part in message.parts]
    if message.opaque and message.raw is not None:
        parts = [_text("text", message.raw.decode(errors="replace"))]
    return {"role": message.role, "parts": parts}


def _part(part: Part) -> dict[str, Any]:
    match part:
        case ReasoningPart():
            return _text("reasoning", part.text)
        case CallPart():
            given = part.call.arguments or (part.call.arguments_raw or b"").decode(errors="replace")
            return _text("call", given) | {"name": part.call.name}
        case ResultPart():
            return _text("result", "\n".join(map(_content, part.parts)))
        case _:
            return _text("text", _content(part))


def _content(part: Content) -> str:
    if isinstance(part, TextPart):
        return part.text
    return f"({plural(len(part.raw), 'byte that is', 'bytes that are')} no text)"


def _text(kind: str, text: str) -> dict[str, Any]:
    return {"kind": kind, "text": _cut(text)}


def _cut(text: str) -> str:
    """A text that can be sent and shown: lone surrogates are none."""
    text = text.encode(errors="replace").decode()
    left = len(text) - LONGEST
    return text if left <= 0 else f"{text[:LONGEST]}… ({plural(left, 'more character')})"
