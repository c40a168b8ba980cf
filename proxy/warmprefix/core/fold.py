"""Puts instructions that come after the beginning into a user message, where templates accept them.

Many templates want one system message, in front: if there is another one, they refuse the request (Qwen3.5,
Gemma, Mistral) or leave it out without a word (gpt-oss, MiniMax-M2). Nothing is moved to the front: what was
said later stays later, so a history that only grows still only grows after folding.
"""

from collections.abc import Sequence

from warmprefix.core.messages import changed, shown_parts
from warmprefix.core.types import Content, Message, OpaquePart, TextPart

_SYSTEM = frozenset({"system", "developer"})
_OPENS, _CLOSES = "<system-reminder>\n", "\n</system-reminder>"
_BETWEEN = "\n\n"


def fold(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The messages with at most one system message, in front; the same tuple if that is so already.

    Leading system messages are joined. A later one goes into the user message before it. If there is none, or
    it has results of calls, the system message becomes a user message; a user message that follows is joined to
    it, since some templates want user and assistant to take turns.
    """
    if not needs_folding(messages):
        return messages
    lead = next((i for i, m in enumerate(messages) if not _is_system(m)), len(messages))
    result: list[Message] = []
    if lead:
        result.append(_joined(messages[:lead]))
    is_ours = False  # whether the last message was made of instructions
    for message in messages[lead:]:
        before = result[-1] if result else None
        if _is_system(message):
            parts = _wrapped(message)
            if before is not None and _is_plain_user(before):
                result[-1] = _with(before, parts)
            else:
                result.append(_user(message, parts))
                is_ours = True
            continue
        if is_ours and before is not None and _is_plain_user(message):
            result[-1] = _with(before, _contents(message))
        else:
            result.append(message)
        is_ours = False
    return tuple(result)


def needs_folding(messages: Sequence[Message]) -> bool:
    """Whether there are instructions after the first message."""
    return any(map(_is_system, messages[1:]))


def _is_system(message: Message) -> bool:
    return message.role in _SYSTEM and not message.opaque


def _is_plain_user(message: Message) -> bool:
    return message.role == "user" and not message.opaque and not message.results


def _joined(messages: Sequence[Message]) -> Message:
    """The first of the messages, with the texts of all."""
    first, *others = messages
    if not others:
        return first
    parts = [part for other in others for part in _contents(other)]
    if first.is_outside and not isinstance(first.content, str):
        # llama-server joins the blocks of these without a separator (tools/server/server-chat.cpp).
        parts = [TextPart(_BETWEEN + p.text) if isinstance(p, TextPart) else p for p in parts]
    return _with(first, parts)


def _with(message: Message, parts: Sequence[Content]) -> Message:
    """The message with more content: added to its text if that is one string, otherwise as further parts."""
    content = message.content
    if isinstance(content, str) and all(isinstance(part, TextPart) for part in parts):
        texts = [part.text for part in parts if isinstance(part, TextPart)]
        return changed(
            message, content=_BETWEEN.join((content, *texts)) if content else _BETWEEN.join(texts)
        )
    own = [TextPart(content)] if isinstance(content, str) else list(content or ())
    return changed(message, content=(*own, *(_in_array(part) for part in parts)))


def _in_array(part: Content) -> Content:
    return TextPart(part.text, part.extra) if isinstance(part, TextPart) else part


def _contents(message: Message) -> tuple[Content, ...]:
    content = message.content
    return shown_parts(content) if isinstance(content, str) else content or ()


def _wrapped(message: Message) -> tuple[Content, ...]:
    """The text of a message, marked as instructions; pictures as they are."""
    contents = _contents(message)
    text = _BETWEEN.join(part.text for part in contents if isinstance(part, TextPart))
    others = tuple(part for part in contents if isinstance(part, OpaquePart))
    return (TextPart(f"{_OPENS}{text}{_CLOSES}", is_bare=not others), *others)


def _user(message: Message, parts: tuple[Content, ...]) -> Message:
    return changed(message, role="user", parts=parts)
