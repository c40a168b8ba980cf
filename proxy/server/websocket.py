"""WebSocket upgrades, relayed message by message both ways (Lemonade's `/logs/stream` and `/realtime`)."""

import asyncio

from proxy.backends.base import Headers
from proxy.backends.connection import Connections
from proxy.backends.websocket import BackendSocket, Closed
from proxy.core.errors import BackendError, Disconnected, RefusedUpgrade
from proxy.server.asgi import Receive, Scope, Send, target_of
from proxy.tasks import Tasks

_BAD_GATEWAY = 1014  # IANA WebSocket close code: the proxy got no valid answer


class WebSockets:
    """Relays WebSocket connections to one backend."""

    def __init__(self, connections: Connections, tasks: Tasks) -> None:
        self._connections = connections
        self._tasks = tasks

    async def __call__(self, scope: Scope, receive: Receive, send: Send, headers: Headers) -> None:
        """Open the backend's side, then the client's, then relay until either closes."""
        await receive()  # websocket.connect
        protocols = tuple(scope.get("subprotocols", ()))
        try:
            backend = await self._connections.websocket(target_of(scope), headers, protocols)
        except RefusedUpgrade as refusal:
            await _refuse(send, scope, refusal.status)
            return
        except BackendError:
            await _refuse(send, scope, 502)
            return
        try:
            await send({"type": "websocket.accept", "subprotocol": backend.protocol})
            await self._relay(receive, send, backend)
        finally:
            await backend.close()

    async def _relay(self, receive: Receive, send: Send, backend: BackendSocket) -> None:
        up = self._tasks.start(_up(receive, backend), "websocket up")
        down = self._tasks.start(_down(send, backend), "websocket down")
        try:
            await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
        finally:
            up.cancel()
            down.cancel()
            await asyncio.wait((up, down))


async def _refuse(send: Send, scope: Scope, status: int) -> None:
    """The refusal of the upgrade, as an HTTP answer where the web server can give one."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": _BAD_GATEWAY})
        return
    await send({"type": "websocket.http.response.start", "status": status, "headers": []})
    await send({"type": "websocket.http.response.body", "body": b""})


async def _up(receive: Receive, backend: BackendSocket) -> None:
    """Messages of the client, until it closes."""
    try:
        while (message := await receive())["type"] == "websocket.receive":
            text: str | None = message.get("text")
            await backend.send(message["bytes"] if text is None else text)
    except Disconnected:
        return  # the other direction learns the close code


async def _down(send: Send, backend: BackendSocket) -> None:
    """Messages of the backend, until it closes; its close code goes on to the client."""
    while True:
        match await backend.receive():
            case str(text):
                await send({"type": "websocket.send", "text": text})
            case bytes(data):
                await send({"type": "websocket.send", "bytes": data})
            case Closed(code):
                await send({"type": "websocket.close", "code": code})
                return
