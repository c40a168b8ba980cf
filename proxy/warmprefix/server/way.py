"""The way of one request: to the chosen backend, and on to the next if nothing could be sent."""

from collections.abc import AsyncIterator

from warmprefix.backends.base import Headers
from warmprefix.backends.kinds import OTHER
from warmprefix.backends.template import UNKNOWN
from warmprefix.core.errors import BackendError
from warmprefix.core.routing import Route
from warmprefix.guard import guard
from warmprefix.pipeline.prepare import Pipeline
from warmprefix.pipeline.stages import Asks, Outgoing, Passed, Placed
from warmprefix.server.backends import Backend, Backends
from warmprefix.server.parts import Parts


class Way:
    """The backend of one request, and the request written for it. Call `end` whatever happens.

    `came`: the request before we changed anything. `parts`: those of the chosen backend; `outgoing`, `headers`:
    what is sent to it; `stream`: the body, if it is relayed as it comes.
    """

    def __init__(
        self,
        backends: Backends,
        pipeline: Pipeline,
        placed: Placed | Passed,
        headers: Headers,
        stream: AsyncIterator[bytes] | None = None,
    ) -> None:
        self.stream = stream
        self._backends = backends
        self._pipeline = pipeline
        self._placed = placed
        self._client_headers = headers
        self._tried: list[str] = []
        self._is_running = False
        self.came = placed if isinstance(placed, Passed) else placed.came
        self.outgoing: Outgoing = self.came
        self.headers = headers
        chosen = self._choose()
        assert chosen is not None, "there is at least one backend, and none was tried"
        self._take(*chosen)

    async def write(self) -> None:
        """Write the request for the chosen backend."""
        parts, model, noted = self.parts, self.came.model, self.came.failed_open
        self.outgoing, self.headers = self.came, self._client_headers
        kind, template = OTHER, UNKNOWN  # change nothing
        asks = Asks(self._backend.settings.ask_usage, self._backend.settings.ask_progress)
        with guard(parts.counters, "backend-facts", noted):
            self.headers, kind = await parts.known.outgoing(self._client_headers)
            placed = self._placed
            messages = placed.canonical.messages if isinstance(placed, Placed) else ()
            template = await parts.known.template_of(model, messages)
        with guard(parts.counters, "prepare", noted):
            self.outgoing = await self._pipeline.write(
                self._placed,
                kind,
                reasoning_pays=template.reasoning_pays,
                restores=parts.seatings.may_restore(model),
                folds=template.folds,
                open_calls=bool(template.open_calls),
                asks=asks,
            )
            if names := self._backend.settings.session_header:
                named = self._pipeline.name_session(self.headers, names, self.outgoing, kind)
                self.headers = named

    def leads_on(self, error: BackendError) -> bool:
        """Go on to the next backend, as nothing could be sent to this one; False if there is none.

        The request must then be written for it.
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
        with guard(self.parts.counters, "backend-facts", self.came.failed_open):
            self.parts.known.lost()

    def _failed(self, error: BackendError) -> None:
        with guard(self.parts.counters, "routing", self.came.failed_open):
            self._backends.lost(self._backend, error)

    def end(self) -> None:
        """The request has ended. May be called twice."""
        self._backend.running -= self._is_running
        self._is_running = False

    def _choose(self) -> tuple[Backend, Route] | None:
        """A backend that was not tried; None if all were."""
        tried = self._tried
        with guard(self._pipeline.counters, "routing", self.came.failed_open):
            return self._backends.choose(self._placed, tried)
        left = (backend for backend in self._backends.all if backend.settings.name not in tried)
        first = next(left, None)
        if first is None:
            return None
        return first, Route(first.settings.name, "the first: none could be chosen")

    def _take(self, backend: Backend, chosen: Route) -> None:
        self._backend = backend
        self.parts: Parts = backend.parts
        self.route = chosen
        if self._backends.are_several:
            self.parts.pause.end(self.came.failed_open)
        backend.running += 1
        self._is_running = True
