"""What the RAM cache of a server is taken to have: copies of conversations that have left their slots."""

from collections.abc import Callable
from dataclasses import replace

from warmprefix.core.slots.choice import goes_on, is_saved_to_ram
from warmprefix.core.slots.seat import Seat
from warmprefix.core.slots.slot import (
    LEAST_LOSS_TOKENS,
    LOADED_FROM,
    SAVED_BELOW,
    SIMILAR,
    Content,
    Share,
    TakenFrom,
    Traits,
    Wish,
)
from warmprefix.core.types import CacheStats, Prompt

_MOST = 32  # 8 GiB are some tens of conversations

_NEARLY = 0.95
"""Characters are converted to tokens at the rate of the whole."""


class RamCopies:
    """The latest copies of one start of the server, by conversation."""

    def __init__(self, compare: Callable[[Content, Prompt], Share | None]) -> None:
        """`compare`: what a content and a prompt share, None if that is not known."""
        self._compare = compare
        self._copies: dict[str, Content] = {}
        self._misses = 0

    def __contains__(self, conversation: object) -> bool:
        return conversation in self._copies

    def clear(self) -> None:
        """The server has started again."""
        self._copies.clear()

    def saved(self, content: Content) -> None:
        """The server has copied what a slot held."""
        self._copies[content.held.conversation] = content
        if len(self._copies) > _MOST:
            del self._copies[next(iter(self._copies))]

    def tokens(self, wish: Wish) -> int | None:
        """How many tokens of its own conversation a request goes on from; None if there is no copy of it."""
        copy = self._copies.get(wish.conversation)
        if copy is None:
            return None
        return copy.held.tokens if goes_on(copy, wish) else 0

    def found(
        self, old: Content | None, seat: Seat, stats: CacheStats, traits: Traits
    ) -> TakenFrom | None:
        """What a request began with, by what was found cached. `old`: what its slot held when it came.

        None if that was of its own conversation, or too little, or if it is not known. If less than half of
        `old` was reused, the server has copied it. If the request was given a copy, that is gone, and `old` was
        copied too: the server looks for one only then.
        """
        cached = stats.cached_tokens
        if cached is None or seat.restored is not None:
            return None
        if old is not None and old.held.conversation == seat.conversation:
            return old.taken_from
        share = None if old is None else self._compare(old, seat.prompt)
        given = None if share is not None and _was_kept(share) else self._given(old, seat, cached)
        if old is not None and (given or _was_saved(old, share, cached, traits)):
            self.saved(old)
        if given is not None:
            del self._copies[given.held.conversation]
            return given.taken_from
        if cached < LEAST_LOSS_TOKENS or seat.conversation in self:
            return None
        if old is not None and share is not None and _may_be_alike(share):
            return TakenFrom(old.held.conversation, cached)
        if seat.choice.how == "free":
            self._copies = {
                name: copy
                for name, copy in self._copies.items()
                if not self._may_be(copy, seat.prompt, cached)
            }
        return None

    def _given(self, old: Content | None, seat: Seat, cached: int) -> Content | None:
        """The copy that a request certainly was given: one of another conversation, neither its own nor that of
        its slot, with which it shares, by the texts, what was found cached."""
        slots = None if old is None else old.held.conversation
        for name, copy in self._copies.items() if cached >= LEAST_LOSS_TOKENS else ():
            if name in (seat.conversation, slots) or cached < LOADED_FROM * copy.held.tokens:
                continue
            share = self._compare(copy, seat.prompt)
            if share is None or not share.is_sure:
                continue
            if share.kept * copy.held.tokens >= _NEARLY * cached:
                return copy
        return None

    def _may_be(self, copy: Content, prompt: Prompt, cached: int) -> bool:
        """Whether this copy may be what a request was given."""
        share = self._compare(copy, prompt)
        is_unlike = share is not None and share.is_sure and share.kept < LOADED_FROM
        return not is_unlike and cached >= LOADED_FROM * copy.held.tokens

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


def _was_saved(old: Content, share: Share | None, cached: int, traits: Traits) -> bool:
    """Whether the server has copied what a request found in its slot, since less than half of it stayed: by the
    texts, or by what was found cached if those cannot be compared."""
    if share is None or share.is_sure:
        return is_saved_to_ram(share, traits)
    return 0 < cached < SAVED_BELOW * old.held.tokens and traits.has_ram is not False


def _was_kept(share: Share) -> bool:
    """Whether it is certain that a request was put into a slot for what that held, and that half of it stayed:
    then the server has not looked into its RAM cache."""
    return share.is_sure and share.similarity > SIMILAR and share.kept >= SAVED_BELOW


def _may_be_alike(share: Share) -> bool:
    """Whether a request may have been put into a slot for what that held."""
    return not share.is_sure or share.similarity > SIMILAR
