"""Where one request goes: to the chosen backend, and on to the next where nothing could be sent."""

from warmprefix.backends.base import Headers
from warmprefix.core.errors import BackendError
from warmprefix.core.routing import Route
from warmprefix.guard import guard
from warmprefix.pipeline.prepare import Pipeline
from warmprefix.pipeline.prepared import Prepared, as_it_came
from warmprefix.server.backends import Backend, Backends
from warmprefix.server.parts import Parts


class Way:
    """The backend of one request, and what is written for it. `end` it whatever happens."""

    def __init__(
        self, backends: Backends, pipeline: Pipeline, identified: Prepared, headers: Headers
    ) -> None:
        self._backends = backends
        self._pipeline = pipeline
        self._identified = identified
        self._client_headers = headers
        self._tried: list[str] = []
        self._is_running = False
        chosen = self._choose()
        assert chosen is not None, "there is at least one backend, and none was tried"
        self._take(*chosen)
        self.prepared = identified
        self.headers = headers

    @property
    def parts(self) -> Parts:
        """The parts of the chosen backend."""
        return self._backend.parts

    async def write(self) -> None:
        """Write the request for the chosen backend."""
        parts, noted = self.parts, self._identified.failed_open
        kind, request = await parts.kind(noted), self._identified.request
        with guard(parts.counters, "prepare", noted) as writing:
            pays = parts.known.of(request.model if request else None).template.reasoning_pays
            own = parts.seatings.of(request.model if request else None) if parts.seatings else None
            may = own is None or own.seating.stand_down.may("restoring")
            self.prepared = self._pipeline.write(
                self._identified, kind, reasoning_pays=pays, restores=may
            )
        if writing.failed:
            self.prepared = as_it_came(self._identified)
        self.headers = await parts.outgoing(self._client_headers, noted)

    def leads_on(self, error: BackendError) -> bool:
        """Turn to the next backend, since nothing could be sent to this one; False where there is none.

        What is sent there is still to be written.
        """
        self._failed(error)
        self._tried.append(self._backend.settings.name)
        chosen = self._choose()
        if chosen is None:
            return False
        self._forget()
        self.end()
        self._take(*chosen)
        return True

    def lost(self, error: BackendError) -> None:
        """The chosen backend did not answer as it should; what comes back may be another one."""
        self._forget()
        self._failed(error)

    def _forget(self) -> None:
        with guard(self.parts.counters, "backend-facts", self._identified.failed_open):
            self.parts.known.lost()

    def _failed(self, error: BackendError) -> None:
        with guard(self.parts.counters, "routing", self._identified.failed_open):
            self._backends.lost(self._backend, error)

    def end(self) -> None:
        """The request runs no more. Twice is fine."""
        self._backend.running -= self._is_running
        self._is_running = False

    def _choose(self) -> tuple[Backend, Route] | None:
        """A backend that was not tried; None if all were."""
        identified, tried = self._identified, self._tried
        with guard(self._pipeline.counters, "routing", identified.failed_open):
            return self._backends.choose(identified, tried)
        left = (backend for backend in self._backends.all if backend.settings.name not in tried)
        first = next(left, None)
        if first is None:
            return None
        return first, Route(first.settings.name, "the first: none could be chosen")

    def _take(self, backend: Backend, chosen: Route) -> None:
        self._backend = backend
        self.route = chosen
        backend.parts.arrived(self._identified.failed_open)
        backend.running += 1
        self._is_running = True
