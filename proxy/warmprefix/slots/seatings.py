"""The slots of one backend: one `Seating`, or one for each model of a router.

A router runs a server of its own for each model, and ends one if there is no room for the next: what its slots
hold is saved first, and restored once the model is loaded again.
"""

from collections.abc import Callable
from dataclasses import dataclass

from warmprefix.backends.known import KnownBackend, KnownModel
from warmprefix.core.explain.direct import Direct
from warmprefix.core.slots.seat import NO_SEAT, AnySeat, NoSeat, Seated
from warmprefix.counters import Counters
from warmprefix.pipeline.listeners import TurnListener, call_ended
from warmprefix.pipeline.stages import Ended, Outgoing, Passed, Patch
from warmprefix.slots.compare import Comparing
from warmprefix.slots.pause import Pause
from warmprefix.slots.seating import RESTORING, Seating
from warmprefix.tasks import Tasks


@dataclass(frozen=True, slots=True)
class ModelParts:
    """The parts that belong to one model. `ahead`: what works for it while no request runs."""

    seating: Seating
    comparing: Comparing
    ahead: tuple[TurnListener, ...] = ()


Make = Callable[[KnownModel], ModelParts]
_NOT_OURS = "another proxy has the slots"


def always() -> bool:
    """The slots are this proxy's: no other one shares the ledger."""
    return True


class Seatings:
    """The parts of each model. Requests that use different names of one model share them."""

    reason = "slot"

    def __init__(
        self,
        known: KnownBackend,
        make: Make,
        tasks: Tasks,
        counters: Counters,
        pause: Pause,
        owns: Callable[[], bool] = always,
    ) -> None:
        """`owns`: whether the slots are this proxy's to use (server/owning.py)."""
        self.owns = owns
        self._counters = counters
        self._known = known
        self._make = make
        self._tasks = tasks
        self._pause = pause
        self._by_model: dict[str, ModelParts] = {}
        self.of(None)

    def of(self, model: str | None) -> ModelParts:
        """The parts of the model that a request asks for."""
        key = self._known.model_key(model)
        return self._of_key(key, model)

    def _of_key(self, key: str, model: str | None) -> ModelParts:
        found = self._by_model.get(key)
        if found is None:
            found = self._by_model[key] = self._make(self._known.of(model))
        return found

    @property
    def all(self) -> tuple[ModelParts, ...]:
        """Those of every model that was asked for."""
        return tuple(self._by_model.values())

    async def take(self, outgoing: Outgoing) -> Seated:
        """Choose a slot for a request; if that is our part, the body asks for it."""
        if not self.owns():
            return Seated(NO_SEAT, outgoing.body)
        model = (outgoing if isinstance(outgoing, Passed) else outgoing.came).model
        if key := self._known.model_key(model):
            for leaving in await self._known.gives_way(model):
                await self.of(leaving.model).seating.save_all()
            await self._known.of(model).look()  # it may have been unloaded since
            key = self._known.model_key(model)
        return await self._of_key(key, model).seating.take(outgoing)

    def give_back(self, outgoing: Outgoing, seat: AnySeat) -> None:
        """The request was not sent after all."""
        self.of(
            (outgoing if isinstance(outgoing, Passed) else outgoing.came).model
        ).seating.give_back(seat)

    def ended(self, ended: Ended) -> Patch:
        """The parts of the turn's model are called: its slot is free, and holds the turn; what it has kept; and
        in slots of ours, what works in the pauses."""
        own, is_ours = self.of(ended.came.model), self.owns()
        patch = Patch()
        if isinstance(ended.seat, NoSeat) and not is_ours:
            patch = Patch(slot=None, slot_reason=_NOT_OURS)
        listeners: list[TurnListener] = [own.seating, own.comparing]
        if is_ours:
            listeners += own.ahead
        patch.update(call_ended(listeners, self._counters, ended))
        return patch

    def may_restore(self, model: str | None) -> bool:
        """Whether remembered messages may be restored."""
        return self.of(model).seating.stand_down.may(RESTORING)

    async def announce(self) -> None:
        """Learn what the slots are and can do, if they are ours."""
        for parts in self.all if self.owns() else ():
            await parts.seating.announce()

    def gained(self) -> None:
        """The slots are ours from now on."""
        for parts in self.all:
            parts.seating.table.forget()
        self._tasks.start(self.announce(), "slot saving")

    def lost(self) -> None:
        """The slots are another proxy's: what is read ahead there ends, and what they hold is forgotten."""
        for parts in self.all:
            parts.seating.table.forget()
        self._pause.end()

    async def close(self) -> None:
        """Save what is not saved yet, if the slots are ours."""
        for parts in self.all:
            if not self.owns():
                parts.seating.table.forget()
            await parts.seating.close()


class NoSeatings:
    """Slots are left to the backend."""

    reason = "slot"
    all: tuple[ModelParts, ...] = ()

    def __init__(self, counters: Counters, direct: Direct | None = None) -> None:
        self._counters = counters
        self._comparing = Comparing(direct or Direct())

    def owns(self) -> bool:
        """No slot is this proxy's to use."""
        return False

    async def take(self, outgoing: Outgoing) -> Seated:
        """Choose no slot and leave the body as it is."""
        return Seated(NO_SEAT, outgoing.body)

    def give_back(self, outgoing: Outgoing, seat: AnySeat) -> None:
        """Nothing was taken."""

    def ended(self, ended: Ended) -> Patch:
        """There is no slot to leave; the turn is compared all the same."""
        return call_ended((self._comparing,), self._counters, ended)

    def may_restore(self, model: str | None) -> bool:
        """True: nothing says that it costs anything."""
        del model
        return True

    async def announce(self) -> None:
        """There is nothing to learn."""

    async def close(self) -> None:
        """There is nothing to save."""
