"""A request's slot: chosen before it is forwarded, left when it has ended."""

from dataclasses import replace

from proxy.backends.known import KnownBackend
from proxy.core.turn import Turn
from proxy.core.types import CacheStats
from proxy.dialects.chat_completions import with_slot
from proxy.pipeline import Prepared
from proxy.slotkeeper import Seat, SlotKeeper
from proxy.tasks import Tasks


class Seating:
    """The slots of one backend, as requests take and leave them."""

    def __init__(self, keeper: SlotKeeper, known: KnownBackend, tasks: Tasks) -> None:
        self.keeper = keeper
        self._known = known
        self._tasks = tasks

    async def take(self, prepared: Prepared) -> Seat | None:
        """Choose a slot and write it into the body; None where that is not ours to do."""
        where, sent, request = prepared.place, prepared.sent, prepared.request
        if where is None or sent is None or request is None:
            return None
        if prepared.shadow is not None or "id_slot" in request.members:
            return None
        self.keeper.know(self._known.slots, self._known.generation)
        seat = self.keeper.take(
            where.conversation,
            prepared.keys,
            sent,
            is_side=prepared.client.side,
            is_branch=prepared.is_branch,
            returns=where.index > 0,
        )
        if seat.choice.slot is not None:
            prepared.body = with_slot(prepared.body, seat.choice.slot)
        return seat

    def leave(self, seat: Seat | None, turn: Turn) -> Turn:
        """The turn with its slot, which is free now."""
        if seat is None:
            return turn
        self.keeper.leave(seat, turn.stats)
        if seat.slot is None and len(self.keeper.views()) > 1:
            self._tasks.start(self._learn(seat, turn.stats), "learn slot")
        return replace(turn, slot=seat.choice.slot, slot_reason=seat.choice.reason)

    async def _learn(self, seat: Seat, stats: CacheStats) -> None:
        """Find out where the server put a request that was left to it."""
        self.keeper.learn(seat, stats, await self._known.slot_tokens())
