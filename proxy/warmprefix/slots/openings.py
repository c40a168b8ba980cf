"""Openings of one model: what new conversations of one kind begin with, learnt when two have begun alike.

A request that begins a conversation is offered the saved opening that it begins with (core/slots/choice.py
decides). What is learnt is saved while nothing runs (slots/opening_files.py), and gives way at once.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from warmprefix.config import PrewarmConfig
from warmprefix.config.schema import SlotsConfig
from warmprefix.core.slots.openings import (
    Mark,
    Offer,
    Shown,
    beginning,
    fits,
    shown_of,
)
from warmprefix.core.slots.prewarm import is_text
from warmprefix.core.slots.seat import Seat
from warmprefix.core.slots.slot import LOADED_FROM
from warmprefix.core.types import CacheStats, Prompt
from warmprefix.guard import guard
from warmprefix.pipeline.stages import Ended, Patch, Written
from warmprefix.slots.opening_files import Begun, OpeningFiles, Wanted
from warmprefix.slots.opening_warm import OpeningWarm
from warmprefix.slots.pause import Pause

_BEGUN = 16  # new conversations that the next one is compared with
_WANTED = 8  # openings that wait for a pause
_ATTEMPTS = 3  # a pause is often too short for the first one
_NEAR = 0.95  # of an opening: what holds as much of it makes it not worth a file
_SAVED_S = 1.0  # after the time at which an idle slot is saved: its file spares reading the opening


@dataclass(slots=True)
class _Seen:
    """What is known of the beginnings with one mark. `reads`: how many conversations had to read it."""

    reads: set[str] = field(default_factory=set)
    attempts: int = 0


class Openings:
    """Learns, offers and restores them."""

    reason = "openings"

    def __init__(
        self, slots: SlotsConfig, prewarm: PrewarmConfig, files: OpeningFiles, pause: Pause
    ) -> None:
        self._slots = slots
        self._prewarm = prewarm
        self._files = files
        self.warming = OpeningWarm(files, pause)
        """Reads those that somebody knows beforehand."""
        self._pause = pause
        self._table = files.table
        self._begun: OrderedDict[str, Begun] = OrderedDict()
        self._seen: OrderedDict[str, _Seen] = OrderedDict()
        self._wanted: OrderedDict[str, Wanted] = OrderedDict()
        self._running: asyncio.Task[None] | None = None
        self._ram_gives = (-1, True)
        """Of which start it is known, and whether what was taken to be in the RAM cache was of use."""

    @property
    def files(self) -> OpeningFiles:
        """The files of openings."""
        return self._files

    def may_offer(self, written: Written) -> bool:
        """Whether a request begins a conversation, and any opening is saved."""
        request = written.request
        is_new = written.place.index == 0 and request.reuses and not request.has_slot
        return (
            is_new
            and not written.sent.is_plain
            and any(one.opening for one in self._files.snapshots.listed())
        )

    def offer(self, written: Written) -> Offer | None:
        """The longest saved opening that a request begins with."""
        sent, shown = written.sent, self._shown(written)
        found = [one for one in self._files.snapshots.openings() if fits(one.mark, shown)]
        if not found:
            return None
        best = max(found, key=lambda one: one.tokens)
        is_whole = self._files.is_whole
        elsewhere = not is_whole and self._gives and self._is_in_ram(sent, best.characters)
        return Offer(best.name, best.tokens, best.characters, shown.size, elsewhere, is_whole)

    def _shown(self, written: Written) -> Shown:
        texts = self._table.reaches.texts(written.sent.messages)
        return shown_of(written.sent, texts, written.placed.understood.scope)

    def alike(self, written: Written) -> int:
        """Characters of a new conversation's prompt that an idle slot is known to hold."""
        if written.place.index or written.sent.is_plain or not self._slots.openings:
            return 0
        shares = self._table.shares(written.sent).values()
        return max((share.shared for share in shares if share.is_sure), default=0)

    def _is_in_ram(self, sent: Prompt, characters: int, but: str = "") -> bool:
        """Whether the server's RAM cache is taken to give as much: something that a conversation has left
        begins alike, and is not too long for that. `but`: a conversation that does not count."""
        if self._table.traits.has_ram is False:
            return False
        reaches = self._table.reaches
        left = [content for content in self._table.left if content.held.conversation != but]
        shared = reaches.of_each([content.prompt for content in left], sent)
        return any(
            reach.characters >= characters * _NEAR
            and reach.characters >= max(reach.held, 1) * LOADED_FROM
            for reach in shared
        )

    @property
    def _gives(self) -> bool:
        """Whether the RAM cache had what it was taken to have: it may be too small."""
        generation, gives = self._ram_gives
        return gives or generation != self._table.generation

    def judge(self, seat: Seat, stats: CacheStats) -> None:
        """See whether the server had what it was taken to have."""
        offer, cached = seat.wish.opening, stats.cached_tokens
        if seat.restored is not None and seat.restored.opening and cached:
            self._files.helped(cached)
        if (
            offer is not None
            and offer.is_elsewhere
            and seat.restored is None
            and cached is not None
        ):
            self._ram_gives = (self._table.generation, cached >= offer.tokens / 2)

    def ended(self, ended: Ended) -> Patch:
        """A request has ended: learn from it, and go on with what waits."""
        if self._running is not None:
            self._running.cancel()
            self._running = None
        written = _begun(ended) if self._slots.openings else None
        if written is not None and self._may_learn(written):
            in_slot = ended.seat.wish.alike if isinstance(ended.seat, Seat) else 0
            stats = ended.stats
            tokens, cached = stats.prompt_tokens or 0, stats.cached_tokens or 0
            where, shown = written.place.conversation, self._shown(written)
            self._learn(Begun(where, written, shown, stats, tokens, cached), in_slot)
        self._rest()
        return {}

    def _may_learn(self, written: Written) -> bool:
        """Whether the conversation is another one than those that were seen, and of use: what it begins with
        could be saved and rendered."""
        is_new = written.place.conversation not in self._begun
        return is_new and self._files.snapshots.may_save and is_text(written.sent)

    def _rest(self) -> None:
        if self._wanted:
            self._running = self._pause.start(self._run(), "openings")

    def _learn(self, new: Begun, in_slot: int) -> None:
        """Compare a new conversation with the latest ones: the one that it shares most with says what opening
        both have. `in_slot`: characters of it that a slot held."""
        alike = [
            (found, other)
            for other in self._begun.values()
            if (found := beginning(new.shown, other.shown)) is not None
        ]
        self._begun[new.conversation] = new
        if len(self._begun) > _BEGUN:
            self._begun.popitem(last=False)
        if not alike:
            return
        best, other = max(alike, key=lambda pair: pair[0].mark.characters)
        if self._is_known(new, best.mark):
            return
        seen = self._seen.setdefault(best.mark.digest, _Seen())
        share = best.mark.characters / max(new.shown.size, 1)
        for one in (new, other):
            if one.cached < one.tokens * share / 2:
                seen.reads.add(one.conversation)
        has_read = new.conversation in seen.reads
        if in_slot >= best.mark.characters * _NEAR:
            self._files.saw(reuses_parts=not has_read)
        elif self._is_in_ram(new.written.sent, best.mark.characters, new.conversation):
            self._ram_gives = (self._table.generation, not has_read)
        if seen.attempts < _ATTEMPTS and new.tokens * share >= self._slots.min_save_tokens:
            self._want(Wanted(best, (new, other), len(seen.reads)))

    def _want(self, wanted: Wanted) -> None:
        self._wanted[wanted.mark.digest] = wanted
        while len(self._wanted) > _WANTED:
            self._wanted.popitem(last=False)
        while len(self._seen) > _BEGUN * 2:
            self._seen.popitem(last=False)

    def _is_known(self, new: Begun, mark: Mark) -> bool:
        """Whether an opening is saved that is about as long."""
        return any(
            one.characters >= mark.characters * _NEAR and fits(one.mark, new.shown)
            for one in self._files.snapshots.openings()
        )

    async def _run(self) -> None:
        """Save what waits, once nothing has run for a while; and again when idle slots were saved, since their
        files spare the reading."""
        await asyncio.sleep(self._prewarm.idle_s)
        await self._save_all()
        if self._wanted:
            await asyncio.sleep(self._slots.save_idle_s + _SAVED_S)
            await self._save_all()

    async def _save_all(self) -> None:
        for digest, wanted in reversed(tuple(self._wanted.items())):
            with guard(self._files.counters, self.reason):
                if not self._files.can_begin(wanted):
                    continue
                is_saved = await self._files.save(wanted)
                if is_saved is None:
                    continue
                seen = self._seen.setdefault(digest, _Seen())
                seen.attempts += 1
                if is_saved or seen.attempts >= _ATTEMPTS:
                    self._wanted.pop(digest, None)

    def started(self) -> None:
        """The backend has started, or the proxy has: what is used most is put into empty slots."""
        is_on = self._prewarm.mode == "auto" and self._prewarm.openings == "restore"
        running = self._running
        if is_on and (running is None or running.done() or running.cancelling()):
            self._running = self._pause.start(self._ahead(), "openings")

    async def _ahead(self) -> None:
        with guard(self._files.counters, self.reason):
            await self._files.restore_ahead()


def _begun(ended: Ended) -> Written | None:
    """The turn as the first of a conversation; None if it is not."""
    written = ended.outgoing
    if not isinstance(written, Written) or written.is_observed or ended.is_side:
        return None
    is_new = written.place.index == 0 and ended.status == 200 and written.request.reuses
    is_counted = ended.stats.prompt_tokens is not None
    return written if is_new and is_counted and not written.sent.is_plain else None
