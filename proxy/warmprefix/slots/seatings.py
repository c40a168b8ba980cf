"""The slots of one backend: one `Seating`, or one for each model of a router.

A router runs a server of its own for each model, and ends one if there is no room for the next: what its slots
hold is saved first, and restored once the model is loaded again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from warmprefix.backends.known import KnownBackend, KnownModel
from warmprefix.core.explain.direct import Direct
from warmprefix.core.slots.seat import NO_SEAT, AnySeat, NoSeat, Seated
from warmprefix.core.slots.slot import Traits
from warmprefix.pipeline.stages import Ended, Outgoing, Passed, Patch
from warmprefix.slots.prewarm import NoPrewarm, Prewarm
from warmprefix.slots.seating import Seating
from warmprefix.tasks import Tasks

RESTORING = "restoring"
"""The part that stands down if restoring messages costs more than it keeps."""


@dataclass(frozen=True, slots=True)
class ModelParts:
    """The parts that belong to one model."""

    seating: Seating
    prewarm: Prewarm | NoPrewarm = field(default_factory=NoPrewarm)
    direct: Direct = field(default_factory=Direct)


@dataclass(frozen=True, slots=True)
class Server:
    """The server that a turn is compared on. `about`: which start of the backend, and its number of slots."""

    direct: Direct
    about: tuple[int, int]
    traits: Traits


Make = Callable[[KnownModel], ModelParts]
_NOT_OURS = "another proxy has the slots"


def always() -> bool:
    """The slots are this proxy's: no other one shares the ledger."""
    return True


class Seatings:
    """The parts of each model. Requests that use different names of one model share them."""

    reason = "slot"

    def __init__(
        self, known: KnownBackend, make: Make, tasks: Tasks, owns: Callable[[], bool] = always
    ) -> None:
        """`owns`: whether the slots are this proxy's to use (server/owning.py)."""
        self.owns = owns
        self._known = known
        self._make = make
        self._tasks = tasks
        self._by_model: dict[str, ModelParts] = {}
        self.of(None)

    def of(self, model: str | None) -> ModelParts:
        """The parts of the model that a request asks for."""
        key = self._known.model_key(model)
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
        if self._known.model_key(model):
            for leaving in await self._known.gives_way(model):
                await self.of(leaving.model).seating.save_all()
            await self._known.of(model).look()  # it may have been unloaded since
        return await self.of(model).seating.take(outgoing)

    def give_back(self, outgoing: Outgoing, seat: AnySeat) -> None:
        """The request was not sent after all."""
        self.of(
            (outgoing if isinstance(outgoing, Passed) else outgoing.came).model
        ).seating.give_back(seat)

    def ended(self, ended: Ended) -> Patch:
        """The slot is free, and holds this turn."""
        if isinstance(ended.seat, NoSeat) and not self.owns():
            return Patch(slot=None, slot_reason=_NOT_OURS)
        return self.of(ended.came.model).seating.leave(ended)

    def may_restore(self, model: str | None) -> bool:
        """Whether remembered messages may be restored."""
        return self.of(model).seating.stand_down.may(RESTORING)

    def server(self, ended: Ended) -> Server:
        """The server that the turn is compared on."""
        own = self.of(ended.came.model)
        if isinstance(ended.seat, NoSeat):
            return _unknown(own.direct, ended)
        table = own.seating.table
        return Server(own.direct, (table.generation, len(table.slots)), table.traits)

    def restored(self, ended: Ended, kept_tokens: int) -> None:
        """Note how many tokens the restored messages have kept."""
        self.of(ended.came.model).seating.judge(RESTORING, kept_tokens)

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
            parts.prewarm.arrived()
            if parts.seating.openings is not None:
                parts.seating.openings.arrived()

    async def close(self) -> None:
        """Save what is not saved yet, if the slots are ours."""
        for parts in self.all:
            if not self.owns():
                parts.seating.table.forget()
            await parts.seating.close()


def _unknown(direct: Direct, ended: Ended) -> Server:
    """One slot of which nothing is known."""
    return Server(direct, (ended.generation, 1), Traits())


class NoSeatings:
    """Slots are left to the backend."""

    reason = "slot"
    all: tuple[ModelParts, ...] = ()

    def __init__(self, direct: Direct | None = None) -> None:
        self._direct = direct or Direct()

    def owns(self) -> bool:
        """No slot is this proxy's to use."""
        return False

    async def take(self, outgoing: Outgoing) -> Seated:
        """Choose no slot and leave the body as it is."""
        return Seated(NO_SEAT, outgoing.body)

    def give_back(self, outgoing: Outgoing, seat: AnySeat) -> None:
        """Nothing was taken."""

    def ended(self, ended: Ended) -> Patch:
        """There is no slot to leave."""
        del ended
        return {}

    def may_restore(self, model: str | None) -> bool:
        """True: nothing says that it costs anything."""
        del model
        return True

    def server(self, ended: Ended) -> Server:
        """One slot of which nothing is known."""
        return _unknown(self._direct, ended)

    def restored(self, ended: Ended, kept_tokens: int) -> None:
        """No account is kept."""

    async def announce(self) -> None:
        """There is nothing to learn."""

    async def close(self) -> None:
        """There is nothing to save."""


class ReadingAhead:
    """Reads ahead for every model of one backend, while no request runs."""

    reason = "prewarm"

    def __init__(self, seatings: Seatings | NoSeatings) -> None:
        self._seatings = seatings

    def arrived(self) -> None:
        """A request has come: reading ahead gives way."""
        for parts in self._seatings.all:
            parts.prewarm.arrived()

    def ended(self, ended: Ended) -> Patch:
        """The coming prompt may be read."""
        if isinstance(self._seatings, Seatings) and self._seatings.owns():
            self._seatings.of(ended.came.model).prewarm.ended(ended)
        return {}


class BeginningAlike:
    """Learns for every model of one backend what conversations begin with."""

    reason = "openings"

    def __init__(self, seatings: Seatings | NoSeatings) -> None:
        self._seatings = seatings

    def arrived(self) -> None:
        """A request has come: what is saved or restored ahead gives way."""
        for parts in self._seatings.all:
            if parts.seating.openings is not None:
                parts.seating.openings.arrived()

    def ended(self, ended: Ended) -> Patch:
        """A conversation may have begun."""
        if isinstance(self._seatings, Seatings) and self._seatings.owns():
            openings = self._seatings.of(ended.came.model).seating.openings
            if openings is not None:
                openings.ended(ended)
        return {}
