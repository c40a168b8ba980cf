"""Volatile spans said at the end of the newest user turn instead of in the system text."""

from collections.abc import Sequence

from warmprefix.core.identity.volatile import Pattern, cut
from warmprefix.core.messages import changed
from warmprefix.core.types import Message

_SYSTEM = frozenset({"system", "developer"})


def move_volatile(
    messages: tuple[Message, ...],
    patterns: Sequence[Pattern],
    current: Sequence[Message] | None = None,
    ticked: Sequence[str] = (),
) -> tuple[Message, ...]:
    """The messages with the volatile spans of the leading system texts moved; the same tuple if there is
    nothing to move or to say.

    They go after a user turn that is being answered for the first time. In a tool loop there is none: the model
    read them with the user turn, and they are not repeated. `current`: the messages whose spans are said, if
    these have older ones; `ticked`: lines that ticked besides.
    """
    cut_out, spans = _without_spans(messages, patterns)
    if current is not None:
        _, spans = _without_spans(current, patterns)
    lines = [*spans, *(line for line in ticked if not cut(line, patterns)[1])]
    return say(cut_out, lines)


def _without_spans(
    messages: Sequence[Message], patterns: Sequence[Pattern]
) -> tuple[tuple[Message, ...], list[str]]:
    """The messages without the spans of the leading system texts, and the spans."""
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
    return (tuple(result) if spans or not isinstance(messages, tuple) else messages), spans


def say(messages: tuple[Message, ...], lines: Sequence[str]) -> tuple[Message, ...]:
    """The messages with some lines more at the end of the newest user turn; the same tuple if there is no line,
    or no user turn that is being answered for the first time."""
    last = messages[-1]
    if not lines or last.role != "user" or not isinstance(last.content, str):
        return messages
    return (*messages[:-1], changed(last, content="\n\n".join((last.content, "\n".join(lines)))))
