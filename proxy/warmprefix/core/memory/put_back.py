"""What stands in a history where it was said first, so that it need not be said again in the newest turn."""

from collections.abc import Iterator, Sequence
from functools import cached_property

from warmprefix.core.identity.keys import match_key
from warmprefix.core.memory.anchors import Cut, is_anchor
from warmprefix.core.memory.gap import Ticks, has_ticked, is_same, without_partner
from warmprefix.core.types import Message


class PutBack:
    """Messages that were put back. `client`, `ours`: the history of the turn before, as the client had it and
    as it was sent; `ticks`: compares two forms of a text, which are one if it `may_tick`."""

    def __init__(self, client: Cut, ours: Cut, ticks: Ticks, *, may_tick: bool) -> None:
        self._client, self._ours = client, ours
        self._ticks, self._may_tick = ticks, may_tick
        self._messages: list[Message] = []

    def add(self, sent: Sequence[Message], theirs: Sequence[Message]) -> None:
        """A gap as it is sent, and as the client has it."""
        self._messages += without_partner(sent, theirs, self._ticks)

    def not_in(self, messages: Sequence[Message]) -> Iterator[int]:
        """Positions of the messages that are not among them, or have to be said again. A reply that the client
        has written goes with what it replies to."""
        is_there = False
        for at, message in enumerate(messages):
            if self._client.is_anchor(message):
                is_there = False
            elif not is_anchor(message):
                is_there = any(
                    self._is_alike(other, message) and match_key(other) in self.in_force
                    for other in self._messages
                )
            if not is_there:
                yield at

    @cached_property
    def in_force(self) -> frozenset[bytes]:
        """Match keys of what was sent and still counts: the client still said it in the turn before, or nothing
        of its role was said behind the next reply."""
        found: set[bytes] = set()
        behind: set[str | None] = set()
        for number in range(len(self._ours), -1, -1):
            gap = self._ours.gap(number)
            found.update(match_key(m) for m in gap if m.role not in behind or self._was_said(m))
            behind |= {message.role for message in gap}
        return frozenset(found)

    def _was_said(self, message: Message) -> bool:
        if match_key(message) in self._client.keys:
            return True
        texts = (m for m in self._client.messages if not is_anchor(m))
        return any(self._is_alike(message, other) for other in texts)

    def _is_alike(self, one: Message, other: Message) -> bool:
        return is_same(one, other) or (self._may_tick and has_ticked(one, other, self._ticks))
