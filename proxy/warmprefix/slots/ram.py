"""What the RAM cache of a server is taken to have: copies of conversations that have left their slots."""

from dataclasses import replace

from warmprefix.core.slots.choice import goes_on
from warmprefix.core.slots.seat import Seat
from warmprefix.core.slots.slot import SAVED_BELOW, Content, Traits
from warmprefix.core.types import CacheStats

_MOST = 32  # 8 GiB are some tens of conversations


class RamCopies:
    """The latest copies of one start of the server, by conversation."""

    def __init__(self) -> None:
        self._copies: dict[str, Content] = {}
        self._misses = 0

    def __contains__(self, conversation: str) -> bool:
        return conversation in self._copies

    def clear(self) -> None:
        """The server has started again."""
        self._copies.clear()

    def saved(self, content: Content) -> None:
        """The server has copied what a slot held."""
        self._copies[content.held.conversation] = content
        if len(self._copies) > _MOST:
            del self._copies[next(iter(self._copies))]

    def came_back(self, seat: Seat, stats: CacheStats, traits: Traits) -> Traits:
        """A turn has ended, and its conversation is in a slot again: was its copy there?

        One miss may be an eviction, two in a row tell that there is no RAM cache. Returns what is known of the
        server now.
        """
        copy = self._copies.pop(seat.conversation, None)
        cached = stats.cached_tokens
        if copy is None or cached is None or seat.restored is not None:
            return traits
        if not goes_on(copy, seat.wish):
            return traits
        was_there = cached >= SAVED_BELOW * copy.held.tokens
        self._misses = 0 if was_there else self._misses + 1
        if was_there or traits.has_ram is None or self._misses > 1:
            return replace(traits, has_ram=was_there)
        return traits
