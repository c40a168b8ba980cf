"""A request whose tokens are counted: written as a turn would be, relayed as it comes, and no turn."""

from warmprefix.backends.base import Response
from warmprefix.core.errors import BackendError, Unreachable
from warmprefix.core.types import Outcome
from warmprefix.server.asgi import Scope, Send, target_of
from warmprefix.server.problems import answer_backend_error
from warmprefix.server.relay import send_untouched
from warmprefix.server.way import Way


class Count:
    """Runs once. It takes no slot, and nothing of it is remembered or logged."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self.outcome = Outcome.OK

    async def run(self, scope: Scope, send: Send) -> None:
        """Send the request and relay what comes back. Raises nothing that a backend can cause."""
        has_begun = False
        try:
            response = await self._open(scope)
            try:
                has_begun = True
                await send_untouched(send, response)
            finally:
                response.close()
        except BackendError as error:
            self._way.lost(error)
            if not has_begun:
                await answer_backend_error(send, self._way.came.endpoint, error)

    async def _open(self, scope: Scope) -> Response:
        """The head of the answer, from the first backend to which a connection can be opened."""
        way, target = self._way, target_of(scope)
        while True:
            try:
                return await way.parts.connections.open(
                    scope["method"], target, way.headers, way.outgoing.body
                )
            except Unreachable as error:  # nothing was sent
                if not way.leads_on(error):
                    raise
            await way.write()

    def record(self) -> None:
        """There is no turn."""
