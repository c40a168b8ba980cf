"""A history cut at what a client does not write itself: replies and results of tools, the *anchors*.

What stands between two of them is a *gap*. alignment.py compares histories with this.
"""

from bisect import bisect_left
from collections.abc import Collection, Sequence
from functools import cached_property

from warmprefix.core.identity.keys import match_key
from warmprefix.core.types import Message


def is_anchor(message: Message) -> bool:
    """Whether a client does not write the message itself."""
    return message.opaque or message.role == "assistant" or message.logical_role == "tool"


def has_anchor(messages: Sequence[Message]) -> bool:
    """Whether a history can be cut at all."""
    return any(map(is_anchor, messages))


def is_user(message: Message) -> bool:
    """Whether a user wrote the message."""
    return message.role == "user" and not is_anchor(message)


def same_bytes(*histories: Sequence[Message]) -> int:
    """How many leading messages came as the same bytes in all of the histories."""
    same = 0
    for one, *others in zip(*histories, strict=False):
        if any(one is not m and (one.raw is None or one.raw != m.raw) for m in others):
            break
        same += 1
    return same


class Cut:
    """A history, cut at its anchors. `written`: match keys of replies that its client has written itself, which
    are none."""

    def __init__(
        self, messages: Sequence[Message], written: Collection[bytes] = frozenset()
    ) -> None:
        self.messages = tuple(messages)
        self._written = written
        self._anchors = [at for at, message in enumerate(messages) if self.is_anchor(message)]

    def is_anchor(self, message: Message) -> bool:
        """Whether it is cut at such a message."""
        if not is_anchor(message):
            return False
        is_written = self._written and not message.opaque and message.role == "assistant"
        return not (is_written and match_key(message) in self._written)

    @cached_property
    def newest(self) -> int:
        """The number of the gap with the last message that a user wrote, -1 if none did."""
        users = (at for at in range(len(self.messages) - 1, -1, -1) if is_user(self.messages[at]))
        last = next(users, None)
        return -1 if last is None else self.anchors_before(last)

    def __len__(self) -> int:
        """How many anchors there are."""
        return len(self._anchors)

    def anchor(self, number: int) -> Message:
        """An anchor; gap `number` stands in front of it."""
        return self.messages[self._anchors[number]]

    @property
    def anchors(self) -> tuple[Message, ...]:
        """All of them, in order."""
        return tuple(self.messages[at] for at in self._anchors)

    @cached_property
    def anchor_keys(self) -> frozenset[bytes]:
        """Their match keys."""
        return frozenset(map(match_key, self.anchors))

    def start(self, number: int) -> int:
        """Where a gap begins."""
        return self._anchors[number - 1] + 1 if number else 0

    def end(self, number: int) -> int:
        """Where it ends: at its anchor, or with the history."""
        return self._anchors[number] if number < len(self) else len(self.messages)

    def gap(self, number: int) -> tuple[Message, ...]:
        """What stands there; nothing if the history ends before."""
        return () if number > len(self) else self.messages[self.start(number) : self.end(number)]

    def anchors_before(self, place: int) -> int:
        """How many anchors stand in front of a place."""
        return bisect_left(self._anchors, place)

    @cached_property
    def keys(self) -> frozenset[bytes]:
        """Match keys of what is no anchor."""
        return frozenset(match_key(m) for m in self.messages if not self.is_anchor(m))
