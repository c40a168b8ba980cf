"""The parts of the application that every exchange with one backend needs."""

from collections.abc import Sequence
from dataclasses import dataclass

from warmprefix.backends.base import Headers
from warmprefix.backends.connection import Connections
from warmprefix.backends.known import KnownBackend
from warmprefix.capture.writer import Capture
from warmprefix.counters import Counters
from warmprefix.guard import guard
from warmprefix.log.turns import Turns
from warmprefix.pipeline.listeners import TurnListener
from warmprefix.pipeline.remember import Recorder
from warmprefix.pipeline.stages import Ended, Patch
from warmprefix.slots.pause import Pause
from warmprefix.slots.reread import Reread
from warmprefix.slots.seatings import NoSeatings, Seatings
from warmprefix.tasks import Tasks


@dataclass(frozen=True, slots=True)
class Parts:
    """The connections, the known facts and the slots belong to the backend; all share the others. `capture`,
    `reread`: None if there is nothing to be captured or to be read again. `pause`: a request that comes ends
    it. `endings`: the listeners that have work, in order; those of single models are the seatings' own.
    `max_event_bytes`: of a reply, to be read.
    """

    connections: Connections
    known: KnownBackend
    recorder: Recorder
    turns: Turns
    counters: Counters
    tasks: Tasks
    capture: Capture | None
    seatings: Seatings | NoSeatings
    reread: Reread | None
    pause: Pause
    endings: Sequence[TurnListener]
    max_event_bytes: int

    async def outgoing(self, headers: Headers, noted: list[str] | None = None) -> Headers:
        """A client's headers as this backend should get them; as they came if that cannot be found out."""
        with guard(self.counters, "backend-facts", noted):
            outgoing, _ = await self.known.outgoing(headers)
            return outgoing
        return headers


class Facts:
    """Learns about the backend from its replies: a new model brings a new template."""

    reason = "backend-facts"

    def __init__(self, known: KnownBackend) -> None:
        self._known = known

    def ended(self, ended: Ended) -> Patch:
        """A reply names its model, and shows whether a key was accepted."""
        self._known.ended(ended.model, ended.headers, ended.status)
        return {}
