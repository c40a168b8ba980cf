"""The parts of the application that every exchange with one backend needs, and the listeners to its
requests.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from warmprefix.backends.base import Headers
from warmprefix.backends.connection import Connections
from warmprefix.backends.known import KnownBackend
from warmprefix.capture.writer import Capture, NoCapture
from warmprefix.counters import Counters
from warmprefix.guard import failed, guard
from warmprefix.log.turns import Turns
from warmprefix.pipeline.remember import Recorder
from warmprefix.pipeline.stages import Ended, Patch
from warmprefix.slots.reread import NoReread, Reread
from warmprefix.slots.seatings import NoSeatings, Seatings
from warmprefix.tasks import Tasks


class ArrivalListener(Protocol):
    """Is called for every request that comes. Its failures are counted under `reason`."""

    reason: str

    def arrived(self) -> None:
        """A request has come."""


class TurnListener(Protocol):
    """Is called for every turn that has ended. Its failures are counted under `reason`."""

    reason: str

    def ended(self, ended: Ended) -> Patch:
        """An exchange has ended. What is returned is added to its turn."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The connections, the known facts and the slots belong to the backend; all share the others. `arrivals`,
    `endings`: the listeners, in order. None of them can fail a request. `max_event_bytes`: of a
    reply, to be read.
    """

    connections: Connections
    known: KnownBackend
    recorder: Recorder
    turns: Turns
    counters: Counters
    tasks: Tasks
    capture: Capture | NoCapture
    seatings: Seatings | NoSeatings
    reread: Reread | NoReread
    arrivals: Sequence[ArrivalListener]
    endings: Sequence[TurnListener]
    max_event_bytes: int

    def arrived(self, noted: list[str] | None = None) -> None:
        """A request has come: reading ahead gives way."""
        for listener in self.arrivals:
            try:
                listener.arrived()
            except Exception as error:
                failed(self.counters, listener.reason, error, noted)

    def ended(self, ended: Ended) -> Patch:
        """What the listeners say of a turn. Raises nothing."""
        found, noted = Patch(), ended.came.failed_open
        for listener in self.endings:
            try:
                found.update(listener.ended(ended))
            except Exception as error:
                failed(self.counters, listener.reason, error, noted)
        return found

    async def outgoing(self, headers: Headers, noted: list[str] | None = None) -> Headers:
        """A client's headers as this backend should get them; as they came if that cannot be found out."""
        with guard(self.counters, "backend-facts", noted):
            return await self.known.outgoing(headers)
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
