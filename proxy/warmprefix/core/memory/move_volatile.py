"""Volatile spans said at the end of the newest user turn instead of in the system text."""

import re
from collections.abc import Sequence

from warmprefix.core.identity.volatile import cut
from warmprefix.core.messages import changed
from warmprefix.core.types import Message

_SYSTEM = frozenset({"system", "developer"})


def move_volatile(
    messages: tuple[Message, ...], patterns: Sequence[re.Pattern[str]]
) -> tuple[Message, ...]:
    """The messages with the volatile spans of the leading system texts moved; the same tuple if none.

    They go after a user turn that is being answered for the first time. In a tool loop there is none: the model
    read them with the user turn, and they are not repeated.
    """
    result: list[Message] = list(messages)
    spans: list[str] = []
    for at, message in enumerate(messages):
        if message.role not in _SYSTEM:
            break
        if isinstance(message.content, str):
            text, found = cut(message.content, patterns)
            if found:
                spans += found
                result[at] = changed(message, content=text)
    if not spans:
        return messages
    last = messages[-1]
    if last.role == "user" and isinstance(last.content, str):
        result[-1] = changed(last, content=last.content + "\n\n" + "\n".join(spans))
    return tuple(result)
