"""The prefix that two prompts share. Our own computation, never called cached.

Counted over what is sent, in the order in which templates render it: template options and tools
first, then the messages. Characters are those of the messages' JSON; tokens are the backend's.
"""

from dataclasses import dataclass

from warmprefix.core.messages import written
from warmprefix.core.types import Message, Prompt
from warmprefix.core.wire.slices import compact


@dataclass(frozen=True, slots=True)
class Prefix:
    """What two prompts share from the start. `messages`: whole ones; `characters`: theirs, and those shared of
    the first message that differs; 0 if tools or template options differ, since they come first."""

    messages: int
    characters: int


def common_prefix(before: Prompt, after: Prompt) -> Prefix:
    """Length of the leading part that both prompts share."""
    if not same_head(before, after):
        return Prefix(0, 0)
    messages = 0
    characters = 0
    for old, new in zip(before.messages, after.messages, strict=False):
        old_text, new_text = written(old), written(new)
        if old_text != new_text and compact(old_text) != compact(new_text):
            part = shared_characters(_text(compact(old_text)), _text(compact(new_text)))
            return Prefix(messages, characters + part)
        messages += 1
        characters += len(_text(new_text))
    return Prefix(messages, characters)


def same_head(before: Prompt, after: Prompt) -> bool:
    """Whether tools (bytes and order) and template options are the same."""
    return before.template_options == after.template_options and [
        tool.definition for tool in before.tools or ()
    ] == [tool.definition for tool in after.tools or ()]


def characters(messages: tuple[Message, ...]) -> int:
    """Size of the messages as JSON, in characters."""
    return sum(len(_text(written(message))) for message in messages)


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")  # an opaque message may contain half a character


def shared_characters(one: str, other: str) -> int:
    """Characters that two texts share from the start. By halving, since comparing slices is fast."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
