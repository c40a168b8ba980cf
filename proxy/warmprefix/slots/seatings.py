"""The slots of one backend: one `Seating`, or one for each model of a router.

A router runs a server of its own for each model, and ends one when there is no room for the next: what its
slots hold is saved before, and restored once the model is loaded again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from warmprefix.backends.known import KnownBackend, KnownModel
from warmprefix.core.explain.direct import Direct
from warmprefix.pipeline.prepared import Prepared
from warmprefix.slots.prewarm import Prewarm
from warmprefix.slots.seating import Seating
from warmprefix.slots.table import Seat, Unseen


@dataclass(frozen=True, slots=True)
class ModelParts:
    """What one model has of its own."""

    seating: Seating
    prewarm: Prewarm | None = None
    direct: Direct = field(default_factory=Direct)


Make = Callable[[KnownModel], ModelParts]


class Seatings:
    """By the name of the model; what a request asks for by another name of it goes to the same."""

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

    async def take(self, prepared: Prepared) -> Seat | Unseen:
        """Choose a slot for a request, and write it into its body, if that is ours to do."""
        model = prepared.request.model if prepared.request else None
        if self._known.model_key(model):
            for leaving in await self._known.gives_way(model):
                await self.of(leaving.model).seating.save_all()
            await self._known.of(model).look()  # it may have been unloaded since
        return await self.of(model).seating.take(prepared)

    def arrived(self) -> None:
        """A request has come: what is read ahead gives way."""
        for parts in self.all:
            if parts.prewarm is not None:
                parts.prewarm.arrived()

    async def announce(self) -> None:
        """Learn what the slots are and can do."""
        for parts in self.all:
            await parts.seating.announce()

    async def close(self) -> None:
        """Save what is not saved yet."""
        for parts in self.all:
            await parts.seating.close()
