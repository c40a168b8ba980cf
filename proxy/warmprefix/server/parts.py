"""What every exchange with one backend needs of the application."""

from dataclasses import dataclass, field

from warmprefix.backends.base import Headers, Kind
from warmprefix.backends.connection import Connections
from warmprefix.backends.kinds import OTHER
from warmprefix.backends.known import KnownBackend
from warmprefix.capture.writer import Capture
from warmprefix.core.explain.direct import Direct
from warmprefix.counters import Counters
from warmprefix.guard import guard
from warmprefix.log.turns import Turns
from warmprefix.pipeline.remember import Recorder
from warmprefix.slots.reread import Reread
from warmprefix.slots.seatings import Seatings
from warmprefix.tasks import Tasks


@dataclass(frozen=True, slots=True)
class Parts:
    """The connections, what is known and the slots are the backend's own, the others everyone's."""

    connections: Connections
    known: KnownBackend
    recorder: Recorder
    turns: Turns
    counters: Counters
    tasks: Tasks
    capture: Capture | None = None
    seatings: Seatings | None = None
    reread: Reread | None = None
    direct: Direct = field(default_factory=Direct)

    def arrived(self, noted: list[str] | None = None) -> None:
        """A request has come: whatever is read ahead gives way."""
        if self.seatings is not None:
            with guard(self.counters, "prewarm", noted):
                self.seatings.arrived()
        if self.reread is not None:
            with guard(self.counters, "reread", noted):
                self.reread.arrived()

    async def outgoing(self, headers: Headers, noted: list[str] | None = None) -> Headers:
        """A client's headers as this backend should get them; as they came if that cannot be told."""
        with guard(self.counters, "backend-facts", noted):
            return await self.known.outgoing(headers)
        return headers

    async def kind(self, noted: list[str] | None = None) -> Kind:
        """What this backend wants done differently; nothing if that cannot be told."""
        with guard(self.counters, "backend-facts", noted):
            return await self.known.kind()
        return OTHER
