"""What every exchange with one backend needs of the application."""

from dataclasses import dataclass

from proxy.backends.connection import Connections
from proxy.backends.known import KnownBackend
from proxy.capture import Capture
from proxy.counters import Counters
from proxy.prewarm import Prewarm
from proxy.recorder import Recorder
from proxy.reread import Reread
from proxy.server.seating import Seating
from proxy.server.turns import Turns
from proxy.tasks import Tasks


@dataclass(frozen=True, slots=True)
class Parts:
    """The first two and the slots are the backend's own, the others everyone's."""

    connections: Connections
    known: KnownBackend
    recorder: Recorder
    turns: Turns
    counters: Counters
    tasks: Tasks
    capture: Capture | None = None
    seating: Seating | None = None
    prewarm: Prewarm | None = None
    reread: Reread | None = None

    def arrived(self) -> None:
        """A request has come: whatever is read ahead gives way."""
        if self.prewarm is not None:
            self.prewarm.arrived()
        if self.reread is not None:
            self.reread.arrived()
