"""Content that is all text parts becomes the string that llama-server would make of it."""

from warmprefix.core.messages import changed
from warmprefix.core.rules.base import Rule, message_rule
from warmprefix.core.types import Message, Risk, TextPart
from warmprefix.core.wire.slices import compact


def _change(message: Message) -> Message:
    name = message.shape.names.content if message.shape is not None and message.extra else ""
    if name in message.extra and compact(message.extra[name]) == b"[]":
        extra = {key: raw for key, raw in message.extra.items() if key != name}
        return changed(message, content="", extra=extra)
    content = message.content
    if not isinstance(content, tuple):
        return message
    texts = [part.text for part in content if isinstance(part, TextPart) and not part.extra]
    if len(texts) != len(content):
        return message
    if len(texts) > 1 and message.shape is not None and not message.shape.names.joins_texts:
        return message
    return changed(message, content="\n".join(texts))


RULE: Rule = message_rule(
    "text-parts",
    Risk.LOSSLESS,
    _change,
    features={"parts", "extra"},
    why="Clients send the same text as a string in one request and as parts in the next; "
    "llama-server joins text parts with a line feed.",
    source="llama.cpp common/chat.cpp:187-260; renders the same in 31 of 31 templates",
)
