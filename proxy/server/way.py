"""Where one request goes: to the chosen backend, and on to the next where nothing could be sent."""

from proxy.backends.base import Headers
from proxy.core.errors import BackendError
from proxy.core.routing import Route
from proxy.pipeline import Pipeline
from proxy.prepared import Prepared
from proxy.server.backends import Backend, Backends
from proxy.server.parts import Parts


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
        chosen = backends.choose(identified)
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
        known = self.parts.known
        kind = await known.kind()
        pays = known.template.reasoning_pays
        self.prepared = self._pipeline.write(self._identified, kind, reasoning_pays=pays)
        self.headers = kind.headers(self._client_headers)

    def leads_on(self, error: BackendError) -> bool:
        """Turn to the next backend, since nothing could be sent to this one; False where there is none.

        What is sent there is still to be written.
        """
        self.failed(error)
        self._tried.append(self._backend.settings.name)
        chosen = self._backends.choose(self._identified, self._tried)
        if chosen is None:
            return False
        self.parts.known.lost()
        self.end()
        self._take(*chosen)
        return True

    def failed(self, error: BackendError) -> None:
        """The chosen backend did not answer as it should."""
        self._backends.lost(self._backend, error)

    def end(self) -> None:
        """The request runs no more. Twice is fine."""
        self._backend.running -= self._is_running
        self._is_running = False

    def _take(self, backend: Backend, chosen: Route) -> None:
        self._backend = backend
        self.route = chosen
        backend.arrived()
        backend.running += 1
        self._is_running = True
