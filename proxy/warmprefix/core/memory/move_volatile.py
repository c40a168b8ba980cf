"""Volatile spans said at the end of the newest user turn instead of in the system text."""

from collections.abc import Iterator, Sequence

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
    found = tuple(_cut_out(messages, patterns))
    result = list(messages)
    for at, text, _ in found:
        result[at] = changed(messages[at], content=text)
    told = found if current is None else _cut_out(current, patterns)
    spans = [span for *_, spans in told for span in spans]
    spans += (line for line in ticked if not cut(line, patterns)[1])
    return say(tuple(result) if found else messages, spans)


def _cut_out(
    messages: Sequence[Message], patterns: Sequence[Pattern]
) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """The leading system texts that have volatile spans: where each stands, it without them, and they."""
    for at, message in enumerate(messages):
        if message.role not in _SYSTEM:
            return
        if isinstance(message.content, str):
            text, spans = cut(message.content, patterns)
            if spans:
                yield at, text, spans


def say(messages: tuple[Message, ...], lines: Sequence[str]) -> tuple[Message, ...]:
    """The messages with some lines more at the end of the newest user turn; the same tuple if there is no line,
    or no user turn that is being answered for the first time."""
    last = messages[-1]
    if not lines or last.role != "user" or not isinstance(last.content, str):
        return messages
    return (*messages[:-1], changed(last, content="\n\n".join((last.content, "\n".join(lines)))))
