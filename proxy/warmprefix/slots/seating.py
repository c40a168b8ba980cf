"""A request's slot: chosen before it is forwarded, left when it has ended, found again where the server
chose.

Where slots can be saved, a slot's conversation is saved before another request cuts it, and one that no slot
holds any more is restored. Both end before the request is sent.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from warmprefix.backends.known import KnownModel
from warmprefix.core.slots.choice import choose
from warmprefix.core.slots.prewarm import kept_reply
from warmprefix.core.slots.seat import AnySeat, Left, NoSeat, Seat, Seated, Unseen
from warmprefix.core.slots.slot import Share, Slot, SlotChoice, Traits, Wish, head_digest
from warmprefix.core.slots.stand_down import PAUSE, StandDown
from warmprefix.core.types import CacheStats
from warmprefix.pipeline.stages import Ended, Outgoing, Patch, Written
from warmprefix.slots.files import DISAPPOINTING, SlotFiles
from warmprefix.slots.openings import Openings
from warmprefix.slots.readings import Readings
from warmprefix.slots.save_idle import IdleSaving
from warmprefix.slots.saved import Snapshots
from warmprefix.slots.side_wait import SideWait
from warmprefix.slots.table import SlotTable
from warmprefix.slots.trial import SlotTrial
from warmprefix.tasks import Tasks

logger = logging.getLogger(__name__)

_STILL_RUNS_S = 0.05
"""A backend that ended a reply so recently has not started anew since: the smallest model takes longer."""

_ASK_S = 0.5
"""How long a request waits to learn what the slots hold, if that decides whether a file is restored."""

_READ_S = 2.0  # how long a request waits for a reading that tells what can be saved before it


RESTORING = "restoring"
"""The part that stands down if restoring messages costs more than it keeps."""

_NAMES = {
    "own": "asking for the slot of a conversation",
    "copy": "giving requests a copy from the RAM cache",
    "recall": "calling conversations back from the RAM cache",
    "apart": "keeping requests apart",
    "cut": "saving a slot before it is cut",
    "opening": "beginning with a saved opening",
    "opening-read": "reading openings for their files",
    RESTORING: "putting remembered bytes back",
}


class Seating:
    """The slots of one backend, as requests take and leave them."""

    reason = "slot"

    def __init__(
        self,
        table: SlotTable,
        known: KnownModel,
        tasks: Tasks,
        snapshots: Snapshots | None = None,
        save_idle_s: float = 30.0,
        side_wait_s: float = 0.0,
        *,
        keeps_branches: bool = False,
        tries: bool = True,
    ) -> None:
        """`keeps_branches`: what a request leaves of its own conversation shall stay; `tries`: whether the
        trial of warmprefix/slots/trial.py may be made."""
        self.table = table
        self.snapshots = snapshots
        self.openings: Openings | None = None
        """What new conversations begin with, if that is saved."""
        self.stand_down = StandDown()
        self._known = known
        self._tasks = tasks
        self._trial = SlotTrial(table, known)
        self._tries = tries
        self._keeps_branches = keeps_branches
        self._trying: asyncio.Task[None] | None = None
        self.readings = Readings(table, known, tasks, snapshots, self._left)
        self._ended: dict[int, float] = {}
        self._ended_s = 0.0
        self._side_wait = SideWait(side_wait_s) if side_wait_s else None
        self._files = None if snapshots is None else SlotFiles(snapshots, table, self._trial)
        self._saving = None
        if snapshots is not None:
            self._saving = IdleSaving(table, snapshots, tasks, save_idle_s)

    async def announce(self) -> None:
        """Learn what the slots are and can do, and say so if they cannot be saved."""
        if self._tries:
            self._trying = self._tasks.start(self._trial.run(), "slot trial")
            await asyncio.wait({self._trying})
        else:
            await self._known.has_restarted()
        if self.snapshots is not None and not self._known.is_asleep:
            await self.snapshots.is_ready()
        self.started_again()

    def started_again(self) -> None:
        """The backend has started, and nothing was asked of it yet."""
        if self.openings is not None:
            self.openings.started()

    async def take(self, outgoing: Outgoing) -> Seated:
        """Choose a slot, and write it into the body, if that is ours to do."""
        await self.rest()
        if not isinstance(outgoing, Written):
            return Seated(self.unseen_began(), outgoing.body)
        is_named = outgoing.request.has_slot
        # A plain prompt whose client has named a slot may say in its reply where it ran.
        if outgoing.is_observed or (is_named and not outgoing.sent.is_plain):
            return Seated(self.unseen_began(), outgoing.body)
        where, sent = outgoing.place, outgoing.sent
        wish = await self._wish(outgoing)
        waited = await self._wait_aside() if wish.is_side else ""
        self.table.follow(self._known.generation)
        replies = sum(message.role == "assistant" for message in sent.messages)
        seat = self.table.take(wish, sent, max(where.index, replies) + 1, self._choose)
        if is_named:
            seat.choice = replace(seat.choice, reason="the client has named a slot")
        if waited:
            seat.choice = replace(seat.choice, reason=f"{seat.choice.reason}; {waited}")
        if self._side_wait is not None and not wish.is_side:
            self._side_wait.began(where.conversation)
        try:
            await self._make_ready(seat)
        except BaseException:
            self.give_back(seat)  # else the slot would count as busy for ever
            raise
        slot, body = seat.choice.slot, None
        if slot is not None:
            body = outgoing.request.dialect.with_slot(outgoing.body, slot)
        return Seated(seat, outgoing.body if body is None else body)

    async def _wish(self, written: Written) -> Wish:
        placed, conversation = written.placed, written.place.conversation
        request, is_side = written.request, placed.is_side
        takes_slot = request.takes_slot and not request.has_slot
        wish = Wish(
            conversation,
            placed.keys,
            head_digest(written.sent),
            is_side,
            takes_slot,
            keeps_branches=self._keeps_branches,
        )
        snapshots, openings = self.snapshots, self.openings
        if snapshots is None:
            await self.readings.wait(wish, written.sent)
            return replace(wish, recall_tokens=self.table.remembers(wish).recall_tokens)
        is_any = bool(snapshots.listed())
        is_saved = is_any and not is_side and snapshots.may_have(wish.keys, wish.head)
        may_open = is_any and openings is not None and openings.may_offer(written)
        if is_saved or may_open:
            await self._learn_in_time(snapshots)
        else:
            await self.readings.wait(wish, written.sent)
        if openings is not None:
            offer = openings.offer(written) if may_open else None
            wish = replace(wish, opening=offer, alike=openings.alike(written))
        snapshot = snapshots.best(wish.keys, wish.head) if is_saved else None
        return replace(
            self.table.remembers(wish),
            saved_tokens=snapshot.tokens if snapshot is not None else 0,
            can_save=snapshots.can_save,
        )

    def _choose(
        self, wish: Wish, slots: Sequence[Slot], shares: Mapping[int, Share], traits: Traits
    ) -> SlotChoice:
        choice = choose(wish, slots, shares, traits)
        if choice.how != "free" and not self.stand_down.may(choice.how):
            return SlotChoice(None, "cost more than it kept lately", into=choice.into)
        return choice

    async def _wait_aside(self) -> str:
        if self._side_wait is None or len(self.table.slots) != 1:
            return ""
        return await self._side_wait.wait()

    async def _learn_in_time(self, snapshots: Snapshots) -> None:
        """Find out whether the backend has started anew and what its slots hold, for a file may be restored."""
        if self._known.model and not self._known.is_loaded:
            await self._known.load()  # as the request would have its router do
        with suppress(TimeoutError):
            async with asyncio.timeout(_ASK_S):
                if time.monotonic() - self._ended_s > _STILL_RUNS_S:
                    await self._known.has_restarted()
                self.table.follow(self._known.generation)
                await self.readings.done()  # only this says where the last request ran
                if not self.table.is_settled or not self.table.slots:
                    await self._look()
                await snapshots.is_ready()

    async def rest(self) -> None:
        """Return when no trial of ours runs. The first request of all waits until it is known what the server
        does with idle slots, but not for long."""
        trying = self._trying
        if trying is not None and not trying.done():
            await asyncio.wait({trying}, timeout=_ASK_S)
            trying.cancel()
            await asyncio.wait({trying})

    async def _look(self) -> None:
        """Ask what the slots hold."""
        self.table.follow(self._known.generation)
        events = self.table.events
        states = await self._known.slot_states()
        # They may have shown a start that nobody saw: then they are what that one holds.
        self.table.follow(self._known.generation)
        self.table.read(states, events)

    async def _make_ready(self, seat: Seat) -> None:
        """All that must be done before the request is sent. Its slot is marked busy meanwhile."""
        if seat.choice.start is not None:
            await self._start_in(seat, seat.choice.start)
        if self._files is not None:
            await self._files.prepare(seat)

    async def _start_in(self, seat: Seat, slot: int) -> None:
        """Have a task of one token run in a slot, so that the server copies the idle ones to its cache."""
        if not await self._trial.start_in(slot):
            self.table.unseat(seat, "the slot could not be prepared")

    def give_back(self, seat: AnySeat) -> None:
        """Nothing was sent to the slot after all."""
        if isinstance(seat, Unseen):
            self.unseen_ended()
        elif isinstance(seat, Seat):
            self.table.give_back(seat)
            self._rests(seat)

    def _rests(self, seat: Seat, *, goes_on: bool = False) -> None:
        if self._side_wait is not None and not seat.wish.is_side:
            self._side_wait.ended(seat.wish.conversation, goes_on=goes_on)

    def ended(self, ended: Ended) -> Patch:
        """The slot is free, and known to hold the turn."""
        seat, stats, reply = ended.seat, ended.stats, ended.reply.message
        if isinstance(seat, NoSeat):
            return {}
        if isinstance(seat, Unseen):
            self.unseen_ended()
            return {}
        self.table.leave(seat, stats, reply, ended.reply.slot)
        self._ended_s = time.monotonic()
        if self._side_wait is not None:
            kept = kept_reply(ended.reply, ended.status)
            self._rests(seat, goes_on=kept is not None and bool(kept.tool_calls))
        self._judge(seat, stats)
        # Of a single slot it is known what it holds, unless others waited for it. If files may be restored, a
        # restart that nobody saw must be known first: the server remembers what it has read since.
        is_known = len(self.table.slots) == 1 and self.table.is_settled
        if not is_known or (self.snapshots is not None and self.snapshots.may_save):
            self.readings.begin(Left(seat, stats, reply, self.table.generation))
        self._left(seat.slot)
        patch = Patch(slot=seat.choice.slot, slot_reason=seat.choice.reason)
        if seat.choice.how == "opening" and seat.choice.shared_tokens:
            patch["opened"] = True
        return patch

    def unseen_began(self) -> Unseen:
        """Something runs that is not placed."""
        self.table.unseen_began()
        return Unseen()

    def unseen_ended(self) -> None:
        """It has ended."""
        self.table.unseen_ended()
        self.readings.begin()

    def _left(self, slot: int | None) -> None:
        if slot is None:
            return
        self._ended[slot] = time.monotonic()
        if self._saving is not None:
            self._saving.used(slot)

    def judge(self, behaviour: str, kept_tokens: int) -> None:
        """Take note of what a behaviour brought in a turn, and say so if it is switched off for it."""
        found = self.stand_down.judge(behaviour, kept_tokens)
        if found is not None:
            logger.warning(
                "%s cost %d tokens more than it kept over %d turns; it is off for the next %d",
                _NAMES.get(behaviour, behaviour),
                found.cost_tokens,
                found.turns,
                PAUSE,
            )

    def _judge(self, seat: Seat, stats: CacheStats) -> None:
        """See whether what was chosen or restored was of use."""
        cached = stats.cached_tokens
        expected = seat.choice.shared_tokens
        if cached is not None and expected:
            self.judge(seat.choice.how, cached - round(expected * DISAPPOINTING))
        if seat.restored is not None and self._files is not None:
            self._files.judge(seat, stats)
        is_offered = seat.restored is not None or seat.wish.opening is not None
        if is_offered and self.openings is not None:
            self.openings.judge(seat, stats)

    def age_s(self, slot: int) -> float | None:
        """How long ago a request in this slot ended; None if none did."""
        ended_s = self._ended.get(slot)
        return None if ended_s is None else round(time.monotonic() - ended_s, 1)

    async def save_all(self) -> None:
        """Save what the idle slots hold: the backend is about to give them away."""
        if self._files is None:
            return
        await self.readings.done(_READ_S)
        await self._files.save_all()

    async def close(self) -> None:
        """Save what is not saved yet."""
        if self._saving is not None:
            await self._saving.close()
        if self.snapshots is not None:
            await self.snapshots.close()
