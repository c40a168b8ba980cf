"""Slots on disk as requests need them: a conversation is saved before another cuts it, and restored if no slot
holds it any more. Both are done before the request is sent.
"""

import asyncio
from contextlib import suppress
from dataclasses import replace

from warmprefix.core.messages import written
from warmprefix.core.slots.choice import goes_on, is_others, is_saved_to_ram, leaves_branch
from warmprefix.core.slots.seat import Seat
from warmprefix.core.slots.slot import Slot, least_missed
from warmprefix.core.slots.snapshots import Snapshot, gain, is_worth_restoring
from warmprefix.core.types import CacheStats
from warmprefix.slots.saved import EVICTED_S, Snapshots
from warmprefix.slots.table import SlotTable
from warmprefix.slots.trial import SlotTrial

_CHANGE_S = 2.0
"""How long a request waits for another's slot to be saved or restored; then the server queues it."""

DISAPPOINTING = 0.5
"""A smaller share than this of the restored tokens was cached: the slot held something else."""


class SlotFiles:
    """Saves and restores the slots of one backend, for requests that are about to be sent."""

    def __init__(self, snapshots: Snapshots, table: SlotTable, trial: SlotTrial) -> None:
        self._snapshots = snapshots
        self._table = table
        self._trial = trial
        self._changing = asyncio.Lock()

    async def prepare(self, seat: Seat) -> None:
        """Save what the request would cut, restore what it lacks. If that fails, it goes on without."""
        try:
            await self._prepare(seat)
        except Exception:  # fail open: the request goes on to the slot that was chosen
            self._snapshots.failed()

    async def _prepare(self, seat: Seat) -> None:
        slot = seat.choice.into if seat.choice.into is not None else seat.slot
        if slot is None:
            await self._wait_for_change()
            return
        is_cut = _is_cut(seat) and not is_saved_to_ram(seat.share, self._table.traits)
        may_restore = (
            seat.wish.saved_tokens > 0 and not seat.wish.in_ram
        )  # what the server has is newer
        opens = seat.choice.how == "opening" and seat.choice.into is not None
        if not is_cut and not may_restore and not opens:
            return
        async with self._changing:
            content = seat.before.content if seat.before else None
            lost = 0 if content is None or goes_on(content, seat.wish) else content.held.tokens
            if content is not None and content.opening:
                lost = 0  # its file is there
            if content is not None and self._table.traits.has_ram is False:
                # A side request does not come back, and without a RAM cache nobody else can use a part of it.
                lost = 0 if content.is_side else lost
            if content is not None and is_cut:
                is_saved = await self._snapshots.save(slot, content.held, EVICTED_S)
                lost = 0 if is_saved and self._table.traits.has_ram is False else lost
            if opens:
                await self._open(seat, slot, lost)
            elif may_restore and await self._snapshots.is_ready():
                await self._restore(seat, slot, lost)
        if seat.choice.into is not None and seat.choice.slot is not None and seat.restored is None:
            # It was chosen for what was to be put there. The server knows which slot shares most with it.
            self._table.unseat(seat, "nothing could be restored")

    async def _wait_for_change(self) -> None:
        """Wait, as the server may choose the slot that is being restored. Bounded: a save can take long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_CHANGE_S), self._changing:
                return

    async def _restore(self, seat: Seat, slot: int, lost: int) -> None:
        snapshots, sent = self._snapshots, seat.prompt
        snapshot = snapshots.best(seat.wish.keys, seat.wish.head)
        if snapshot is None:
            return
        sizes = [len(written(message)) for message in sent.messages[: snapshot.messages]]
        gained = gain(snapshot, _shared_messages(seat), sizes)
        has_ram = self._table.traits.has_ram
        if not is_worth_restoring(snapshot, gained, 0 if has_ram else lost):
            return
        if not await self._is_copied(slot, lost):
            return
        if await self._put(slot, snapshot):
            reason = f"restored {snapshot.tokens} tokens"
            seat.choice = replace(seat.choice, reason=reason)
            seat.restored = snapshot

    async def _put(self, slot: int, snapshot: Snapshot) -> bool:
        """Whether the snapshot is in the slot now. If slots share one KV cache and it is full, others are saved
        and emptied for it, the longest unused first."""
        while True:
            other = self._least_missed_beside(slot)
            is_shared = other is not None and bool(self._table.traits.keeps_idle)
            tokens = await self._snapshots.restore(slot, snapshot, may_lack_room=is_shared)
            if tokens or other is None or not is_shared:
                return tokens == snapshot.tokens
            if not await self._empty(other):
                return False

    def _least_missed_beside(self, slot: int) -> Slot | None:
        others = (s for s in self._table.slots if s.id != slot and not s.is_busy and s.content)
        return min(others, key=least_missed, default=None)

    async def _empty(self, slot: Slot) -> bool:
        """Empty a slot whose conversation is saved. False if it could not be."""
        held = self._table.held(slot.id)
        if held is not None and not await self._snapshots.save(slot.id, held, EVICTED_S):
            return False
        if held is None and not slot.is_side:
            return False
        now = self._table.slots[slot.id]
        if now.is_busy or now.content is not slot.content:
            return False  # a request has come for it
        self._table.hold(slot.id, None, 0)  # so none asks for it from here on
        if await self._snapshots.erase(slot.id):
            return True
        self._table.hold(slot.id, slot.content, slot.tokens or 0)
        return False

    async def _is_copied(self, slot: int, lost: int) -> bool:
        """What is read from a file overwrites what the server would have copied to its RAM cache, and others
        can use a part of that: so the copy is made first. False if that failed."""
        is_lost = lost and self._table.traits.has_ram is not False
        return not is_lost or await self._trial.start_in(slot)

    async def _open(self, seat: Seat, slot: int, lost: int) -> None:
        """Restore the opening that the request begins with."""
        offer = seat.wish.opening
        opening = next(
            (s for s in self._snapshots.openings() if offer and s.name == offer.name), None
        )
        if opening is None or (self._table.traits.has_ram is False and lost >= opening.tokens):
            return
        if not await self._is_copied(slot, lost):
            return
        # Slots that share one KV cache share its room: the start of a task clears the idle ones, as that of the
        # request would.
        is_shared = self._table.traits.keeps_idle is False and not lost
        if is_shared and not await self._trial.start_in(slot):
            return
        if await self._put(slot, opening):
            reason = f"restored an opening of {opening.tokens} tokens"
            seat.choice = replace(seat.choice, reason=reason, shared_tokens=opening.tokens)
            seat.restored = opening

    def judge(self, seat: Seat, stats: CacheStats) -> None:
        """See whether the restored slot was of use."""
        cached, snapshot = stats.cached_tokens, seat.restored
        if snapshot is None or cached is None:
            return
        if snapshot.opening:
            was_there = cached >= DISAPPOINTING * snapshot.tokens
            self._snapshots.began_with(snapshot, was_there=was_there)
        elif cached < DISAPPOINTING * snapshot.tokens:
            self._snapshots.disappointed(snapshot)
        else:
            self._snapshots.helped()

    async def save_all(self) -> None:
        """Save what the idle slots hold."""
        for slot in self._table.slots:
            held = self._table.held(slot.id)
            if held is not None and not slot.is_busy:
                await self._snapshots.save(slot.id, held, EVICTED_S)


def _shared_messages(seat: Seat) -> int:
    """Leading messages of the request that its slot held when it was taken."""
    content = seat.before.content if seat.before else None
    if content is None or content.held.head != seat.wish.head:
        return 0
    pairs = zip(content.held.keys, seat.wish.keys, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), len(content.held.keys))


def _is_cut(seat: Seat) -> bool:
    """Whether the request takes the slot from another conversation, or from its own as a branch does."""
    before = seat.before
    if before is None or before.content is None:
        return False
    is_left = seat.share is not None and leaves_branch(before, seat.share, seat.wish)
    return (is_others(before, seat.wish) or is_left) and not goes_on(before.content, seat.wish)
