"""Everything that is not ours: streamed to the backend and back, untouched."""

from proxy.backends.base import Body, Headers
from proxy.backends.connection import Connections
from proxy.core.errors import BackendError
from proxy.server.asgi import Receive, Scope, Send, header, target_of
from proxy.server.incoming import ClientGone, Incoming, while_connected
from proxy.server.problems import answer_backend_error
from proxy.server.relay import send_end, send_head, send_piece
from proxy.tasks import Tasks


class Passthrough:
    """Relays any request to one backend."""

    def __init__(self, connections: Connections, tasks: Tasks) -> None:
        self._connections = connections
        self._tasks = tasks

    async def __call__(self, scope: Scope, receive: Receive, send: Send, headers: Headers) -> None:
        """Relay one request with these headers."""
        incoming = Incoming(receive)
        work = self._relay(scope, incoming, send, headers)
        await while_connected(work, incoming, self._tasks)

    async def _relay(self, scope: Scope, incoming: Incoming, send: Send, headers: Headers) -> None:
        began = False
        try:
            headers, body = await _body(scope, incoming, headers)
            response = await self._connections.open(
                scope["method"], target_of(scope), headers, body
            )
            try:
                began = True
                await send_head(send, response)
                async for piece in response.pieces():
                    await send_piece(send, piece)
                await send_end(send)
            finally:
                response.close()
        except ClientGone:
            return
        except BackendError as error:
            if not began:
                await answer_backend_error(send, error)
            # Else the answer ends here, unfinished: the web server closes the connection.


async def _body(scope: Scope, incoming: Incoming, headers: Headers) -> tuple[Headers, Body]:
    """The body to stream, with its length where the client told it."""
    length = header(scope, b"content-length")
    if length is None and header(scope, b"transfer-encoding") is None:
        await incoming.read(0)
        return headers, None
    if length == b"0":
        await incoming.read(0)
        return [*headers, (b"Content-Length", b"0")], None
    if length is not None:
        headers = [*headers, (b"Content-Length", length)]
    return headers, incoming.pieces()
