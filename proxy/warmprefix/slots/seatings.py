"""The slots of one backend: one `Seating`, or one for each model of a router.

A router runs a server of its own for each model, and ends one if there is no room for the next: what its slots
hold is saved first, and restored once the model is loaded again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from warmprefix.backends.known import KnownBackend, KnownModel
from warmprefix.core.explain.direct import Direct
from warmprefix.core.slots.seat import NO_SEAT, AnySeat, Seated
from warmprefix.core.slots.slot import Traits
from warmprefix.pipeline.stages import Ended, Outgoing, Passed, Patch
from warmprefix.slots.prewarm import NoPrewarm, Prewarm
from warmprefix.slots.seating import Seating

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


class Seatings:
    """The parts of each model. Requests that use different names of one model share them."""

    reason = "slot"

    def __init__(self, known: KnownBackend, make: Make) -> None:
        self._known = known
        self._make = make
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
        return self.of(ended.came.model).seating.leave(ended)

    def may_restore(self, model: str | None) -> bool:
        """Whether remembered messages may be restored."""
        return self.of(model).seating.stand_down.may(RESTORING)

    def server(self, ended: Ended) -> Server:
        """The server that the turn is compared on."""
        own = self.of(ended.came.model)
        table = own.seating.table
        return Server(own.direct, (table.generation, len(table.slots)), table.traits)

    def restored(self, ended: Ended, kept_tokens: int) -> None:
        """Note how many tokens the restored messages have kept."""
        self.of(ended.came.model).seating.judge(RESTORING, kept_tokens)

    async def announce(self) -> None:
        """Learn what the slots are and can do."""
        for parts in self.all:
            await parts.seating.announce()

    async def close(self) -> None:
        """Save what is not saved yet."""
        for parts in self.all:
            await parts.seating.close()


class NoSeatings:
    """Slots are left to the backend."""

    reason = "slot"
    all: tuple[ModelParts, ...] = ()

    def __init__(self) -> None:
        self._direct = Direct()

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
        return Server(self._direct, (ended.generation, 1), Traits())

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
        if isinstance(self._seatings, Seatings):
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
        if isinstance(self._seatings, Seatings):
            openings = self._seatings.of(ended.came.model).seating.openings
            if openings is not None:
                openings.ended(ended)
        return {}
