"""Messages made and changed. A changed one has lost the bytes it came as, and is written anew."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import Enum
from typing import Any

from warmprefix.core.types import (
    CallPart,
    Content,
    Message,
    OpaquePart,
    Part,
    Prompt,
    RawJson,
    ReasoningPart,
    ResultPart,
    TextPart,
    ToolCall,
)


class _Kept(Enum):
    KEPT = 0


KEPT = _Kept.KEPT
"""Says that something stays as it is."""


def parts_of(
    content: str | Sequence[Content] | None = None,
    reasoning: str | None = None,
    calls: Sequence[ToolCall] = (),
) -> tuple[Part, ...]:
    """The parts of a message whose reasoning, content and calls are members: in the order of templates."""
    thought = () if reasoning is None else (ReasoningPart(reasoning),)
    return (*thought, *shown_parts(content), *map(CallPart, calls))


def shown_parts(content: str | Sequence[Content] | None) -> tuple[Content, ...]:
    """Content as parts: a string is one, written as it is."""
    if isinstance(content, str):
        return (TextPart(content, is_bare=True),)
    return tuple(content or ())


def mark_only_text(parts: Iterable[Part]) -> tuple[Part, ...]:
    """The parts of a message. A text that is all it shows is its content, whether in an array or not."""
    found = tuple(parts)
    shown = [part for part in found if isinstance(part, TextPart | OpaquePart)]
    is_whole = len(shown) == 1
    return tuple(
        _as_content(part, is_whole) if isinstance(part, TextPart) else part for part in found
    )


def _as_content(part: TextPart, is_whole: bool) -> TextPart:
    is_bare = is_whole and not part.extra
    return part if part.is_bare is is_bare else replace(part, is_bare=is_bare)


def written(message: Message) -> RawJson:
    """The message as JSON: as received if nobody changed it, else as its dialect writes it."""
    if message.raw is not None:
        return message.raw
    assert message.shape is not None, "a message without a shape is never sent"
    return message.shape.write(message)


def all_written(messages: Iterable[Message]) -> list[RawJson]:
    """Each of several messages as JSON: most of a history is as it was received."""
    return [one.raw if one.raw is not None else written(one) for one in messages]


def parting(before: Sequence[Message], after: Sequence[Message]) -> int | None:
    """The first message that is written otherwise in the other history; None if one goes on from the other."""
    both = zip(all_written(before), all_written(after), strict=False)
    return next((at for at, (old, new) in enumerate(both) if old != new), None)


def piece(text: str) -> Message:
    """A piece of a plain prompt (`Prompt.is_plain`). It is never written otherwise."""
    return Message(None, opaque=True, raw=RawJson(text.encode()))


def plain_text(prompt: Prompt) -> str:
    """The text of a plain prompt."""
    return b"".join(all_written(prompt.messages)).decode()


def changed(
    message: Message,
    *,
    content: str | Sequence[Content] | _Kept | None = KEPT,
    reasoning: str | _Kept | None = KEPT,
    tool_calls: Sequence[ToolCall] | _Kept = KEPT,
    tool_call_id: str | _Kept | None = KEPT,
    **fields: Any,
) -> Message:
    """`message` with other parts or fields, without its received bytes: it will be written anew.

    Parts that stay keep their order. `content`, `tool_call_id`: of the first result, in a message of results.
    """
    parts = message.parts
    if reasoning is not KEPT:
        parts = _with_reasoning(parts, reasoning)
    if content is not KEPT:
        parts = _with_content(parts, shown_parts(content))
    if tool_calls is not KEPT:
        parts = _with_calls(parts, tool_calls)
    if tool_call_id is not KEPT:
        parts = _with_result(parts, call_id=tool_call_id)
    return replace(message, raw=None, **{"parts": parts, **fields})


def _with_reasoning(parts: tuple[Part, ...], text: str | None) -> tuple[Part, ...]:
    left = tuple(part for part in parts if not isinstance(part, ReasoningPart))
    return left if text is None else (ReasoningPart(text), *left)


def _with_content(parts: tuple[Part, ...], content: tuple[Content, ...]) -> tuple[Part, ...]:
    """The content where the first of the old stood: in the first result if nothing else is shown. Behind the
    reasoning if there was none."""
    at = next((i for i, p in enumerate(parts) if isinstance(p, TextPart | OpaquePart)), None)
    if at is None:
        if any(isinstance(part, ResultPart) for part in parts):
            return _with_result(parts, content=content)
        at = sum(isinstance(part, ReasoningPart) for part in parts)
    before = parts[:at]
    behind = (part for part in parts[at:] if not isinstance(part, TextPart | OpaquePart))
    return (*before, *content, *behind)


def _with_calls(parts: tuple[Part, ...], calls: Sequence[ToolCall]) -> tuple[Part, ...]:
    """Each call where one stood; all at the end if they are more or fewer than before."""
    if sum(isinstance(part, CallPart) for part in parts) != len(calls):
        left = (part for part in parts if not isinstance(part, CallPart))
        return (*left, *map(CallPart, calls))
    new = iter(calls)
    return tuple(CallPart(next(new)) if isinstance(part, CallPart) else part for part in parts)


def _with_result(
    parts: tuple[Part, ...],
    *,
    call_id: str | _Kept | None = KEPT,
    content: tuple[Content, ...] | _Kept = KEPT,
) -> tuple[Part, ...]:
    """The first result with another id or content."""
    new: list[Part] = list(parts)
    for at, old in enumerate(parts):
        if isinstance(old, ResultPart):
            named = old.call_id if call_id is KEPT else call_id
            shown = old.parts if content is KEPT else content
            new[at] = ResultPart(named, shown, old.extra)
            break
    return tuple(new)
