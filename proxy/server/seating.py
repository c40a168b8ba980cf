"""A request's slot: chosen before it is forwarded, left when it has ended.

Where slots can be saved, the slot's conversation is saved before another request cuts it, and a conversation
that no slot holds any more is restored into the slot that it was given. Both end before the request is sent.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from proxy.backends.known import KnownBackend
from proxy.core.slots import SlotChoice
from proxy.core.snapshots import Snapshot, gain, is_evicted, is_worth_restoring
from proxy.core.turn import Turn
from proxy.core.types import CacheStats, Message
from proxy.core.wire import write_message
from proxy.dialects.chat_completions import with_slot
from proxy.idle_saving import IdleSaving
from proxy.prepared import Prepared
from proxy.side_wait import SideWait
from proxy.slotkeeper import Seat, SlotKeeper, head_of
from proxy.snapshots import EVICTED_S, Snapshots
from proxy.tasks import Tasks

_STILL_RUNS_S = 0.05
"""A backend that ended a reply so recently has not started anew since: the smallest model takes longer."""

_ASK_S = 0.5
"""How long a request waits to learn whether it has; a loopback server answers in milliseconds."""

_DISAPPOINTING = 0.5
"""Of a snapshot that was restored, less than this was used: it held something else."""


class Seating:
    """The slots of one backend, as requests take and leave them."""

    def __init__(
        self,
        keeper: SlotKeeper,
        known: KnownBackend,
        tasks: Tasks,
        snapshots: Snapshots | None = None,
        save_idle_s: float = 30.0,
        side_wait_s: float = 0.0,
    ) -> None:
        self.keeper = keeper
        self.snapshots = snapshots
        self._known = known
        self._tasks = tasks
        self._restored: dict[int, tuple[Seat, Snapshot]] = {}
        self._changing = asyncio.Lock()
        self._ended_s = 0.0
        self._ended: dict[int, float] = {}
        self._generation = 0
        self._side_wait = SideWait(side_wait_s)
        self._saving = None
        if snapshots is not None:
            self._saving = IdleSaving(keeper, snapshots, tasks, save_idle_s)

    async def announce(self) -> None:
        """Ask the backend whether slots can be saved, and say so where they cannot."""
        if self.snapshots is not None:
            await self._known.has_restarted()
            await self.snapshots.is_ready()

    async def take(self, prepared: Prepared) -> Seat | None:
        """Choose a slot and write it into the body; None where that is not ours to do."""
        where, sent, request = prepared.place, prepared.sent, prepared.request
        if where is None or sent is None or request is None:
            return None
        if prepared.shadow is not None or "id_slot" in request.members:
            return None
        is_aside = prepared.client.side or prepared.is_branch
        if self.snapshots is not None and not is_aside:
            await self._look(self.snapshots, prepared.keys, head_of(sent))
        waited = await self._side_wait.wait() if is_aside and len(self._known.slots) == 1 else ""
        self.keeper.know(self._known.slots, self._known.generation)
        seat = self.keeper.take(
            where.conversation,
            prepared.keys,
            sent,
            is_side=prepared.client.side,
            is_branch=prepared.is_branch,
            returns=where.index > 0,
        )
        if waited:
            seat.choice = SlotChoice(seat.choice.slot, f"{seat.choice.reason}; {waited}")
        if not is_aside:
            self._side_wait.began(where.conversation)
        if self.snapshots is not None:
            await self._prepare_or_go_on(self.snapshots, seat, prepared)
        if seat.choice.slot is not None:
            prepared.body = with_slot(prepared.body, seat.choice.slot)
        return seat

    async def _look(self, snapshots: Snapshots, keys: Sequence[bytes], head: bytes) -> None:
        """Find out whether the backend has started anew, where that would make a snapshot useful."""
        just_now = time.monotonic() - self._ended_s < _STILL_RUNS_S
        is_same = self._generation == self._known.generation and bool(self._known.slots)
        if not snapshots.may_have(keys, head) or (just_now and is_same):
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_ASK_S):
                await self._known.has_restarted()
                self._generation = self._known.generation

    async def _prepare_or_go_on(self, snapshots: Snapshots, seat: Seat, prepared: Prepared) -> None:
        try:
            await self._prepare(snapshots, seat, prepared)
        except asyncio.CancelledError:
            self.give_back(seat)  # else the slot would count as busy for ever
            raise
        except Exception:  # fail open: the request goes on to the slot that was chosen
            snapshots.failed()

    async def _prepare(self, snapshots: Snapshots, seat: Seat, prepared: Prepared) -> None:
        """Save what the request would cut, restore what it lacks. Its slot is marked busy meanwhile."""
        if seat.slot is None:
            async with self._changing:  # it may be sent to the slot that is being restored
                return
        is_cut = _is_cut(seat)
        may_return = not seat.is_side and snapshots.may_have(seat.keys, seat.head)
        if not is_cut and not may_return:
            return
        async with self._changing:
            lost = 0
            if seat.held is not None and is_cut:
                is_saved = await snapshots.save(seat.slot, seat.held, EVICTED_S)
                lost = 0 if is_saved else seat.held.tokens
            if may_return and await snapshots.is_ready():
                await self._restore(snapshots, seat, prepared, lost)

    async def _restore(
        self, snapshots: Snapshots, seat: Seat, prepared: Prepared, lost: int
    ) -> None:
        sent, slot = prepared.sent, seat.slot
        assert sent is not None
        assert slot is not None
        snapshot = snapshots.best(seat.keys, seat.head)
        if snapshot is None:
            return
        gained = await self._gain(seat, snapshot, sent.messages)
        if not is_worth_restoring(snapshot, gained, lost):
            return
        tokens = await snapshots.restore(slot, snapshot)
        if tokens == snapshot.tokens:
            seat.choice = SlotChoice(slot, f"restored {tokens} tokens")
            self._restored[slot] = (seat, snapshot)

    async def _gain(self, seat: Seat, snapshot: Snapshot, messages: Sequence[Message]) -> int:
        """Tokens that a snapshot brings beyond what the slot holds."""
        if not seat.is_sure:  # for all we know it holds this conversation
            tokens = await self._known.slot_tokens()
            slot = seat.slot or 0
            return snapshot.tokens - tokens[slot] if slot < len(tokens) else 0
        is_empty = seat.before is None or not seat.before.tokens
        sizes = [len(write_message(message)) for message in messages[: snapshot.messages]]
        return gain(snapshot, 0 if is_empty else seat.shared, sizes)

    def give_back(self, seat: Seat) -> None:
        """Nothing was sent to the slot after all."""
        self.keeper.leave(seat, CacheStats())
        self._rests(seat)

    def _rests(self, seat: Seat, *, goes_on: bool = False) -> None:
        if not seat.is_side:
            self._side_wait.ended(seat.conversation, goes_on=goes_on)

    def leave(self, seat: Seat | None, turn: Turn, *, goes_on: bool = False) -> Turn:
        """The turn with its slot, which is free now. `goes_on`: the reply has called tools."""
        if seat is None:
            return turn
        self.keeper.leave(seat, turn.stats)
        self._rests(seat, goes_on=goes_on)
        self._ended_s = time.monotonic()
        if seat.slot is None and len(self.keeper.views()) > 1:
            self._tasks.start(self._learn(seat, turn.stats), "learn slot")
        elif seat.slot is not None:
            self._left(seat, turn.stats)
        return replace(turn, slot=seat.choice.slot, slot_reason=seat.choice.reason)

    async def _learn(self, seat: Seat, stats: CacheStats) -> None:
        """Find out where the server put a request that was left to it."""
        self.keeper.learn(seat, stats, await self._known.slot_tokens())
        if seat.slot is not None:
            self._left(seat, stats)

    def _left(self, seat: Seat, stats: CacheStats) -> None:
        """Watch the slot, and see whether what was restored was of use."""
        assert seat.slot is not None
        self._ended[seat.slot] = time.monotonic()
        if self._saving is not None:
            self._saving.used(seat.slot)
        of, snapshot = self._restored.pop(seat.slot, (None, None))
        if self.snapshots is None or snapshot is None or of is not seat:
            return
        cached = stats.cached_tokens
        if cached is not None and cached < _DISAPPOINTING * snapshot.tokens:
            self.snapshots.disappointed(snapshot)

    def age_s(self, slot: int) -> float | None:
        """How long ago a request in this slot ended; None where none did."""
        ended_s = self._ended.get(slot)
        return None if ended_s is None else round(time.monotonic() - ended_s, 1)

    async def close(self) -> None:
        """Save what is not saved yet."""
        if self._saving is not None:
            await self._saving.close()
        if self.snapshots is not None:
            await self.snapshots.close()


def _is_cut(seat: Seat) -> bool:
    """Whether the request takes the slot from another conversation, or from its own as a branch does."""
    held = seat.held
    if held is None or not is_evicted(held, seat.keys, seat.head):
        return False
    return seat.is_side or held.conversation != seat.conversation
