"""The prefix that two prompts share. Our own computation, never called cached.

Counted over what is sent, in the order in which templates render it: template options and tools
first, then the messages. Characters are those of the messages' JSON; tokens are the backend's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from warmprefix.core.messages import all_written
from warmprefix.core.types import Message, Prompt
from warmprefix.core.wire.slices import compact


@dataclass(frozen=True, slots=True)
class Prefix:
    """What two prompts share from the start. `messages`: whole ones, of which a plain text is one;
    `characters`: theirs, and those shared of the first message that differs; 0 if tools or template options
    differ, since they come first."""

    messages: int
    characters: int


def common_prefix(before: Prompt, after: Prompt) -> Prefix:
    """Length of the leading part that both prompts share."""
    if not same_head(before, after):
        return Prefix(0, 0)
    if after.is_plain:
        old, new = (list(map(_text, all_written(side.messages))) for side in (before, after))
        shared = shared_of_pieces(old, new)
        return Prefix(int(shared == sum(map(len, old))), shared)
    messages = 0
    characters = 0
    texts = zip(all_written(before.messages), all_written(after.messages), strict=False)
    pairs = zip(before.messages, after.messages, strict=False)
    for (one, other), (old_text, new_text) in zip(pairs, texts, strict=True):
        # Escapes and blanks of JSON are no difference: the template never sees them.
        if old_text != new_text and one != other and compact(old_text) != compact(new_text):
            part = shared_characters(_text(compact(old_text)), _text(compact(new_text)))
            return Prefix(messages, characters + part)
        messages += 1
        characters += _length(new_text)
    return Prefix(messages, characters)


def same_head(before: Prompt, after: Prompt) -> bool:
    """Whether tools (bytes and order) and template options are the same, and both are rendered, or neither."""
    return (
        before.is_plain is after.is_plain
        and before.template_options == after.template_options
        and [tool.definition for tool in before.tools or ()]
        == [tool.definition for tool in after.tools or ()]
    )


def characters(messages: tuple[Message, ...]) -> int:
    """Size of the messages as JSON, in characters."""
    return sum(map(_length, all_written(messages)))


def _length(raw: bytes) -> int:
    return len(raw) if raw.isascii() else len(_text(raw))


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")  # an opaque message may contain half a character


def shared_of_pieces(one: Sequence[str], other: Sequence[str]) -> int:
    """Characters that two texts share from the start, each given in pieces that may be cut otherwise."""
    shared = 0
    for at, (old, new) in enumerate(zip(one, other, strict=False)):
        if old != new:
            is_cut = old.startswith(new) or new.startswith(old)
            pair = ("".join(one[at:]), "".join(other[at:])) if is_cut else (old, new)
            return shared + shared_characters(*pair)
        shared += len(new)
    return shared


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
