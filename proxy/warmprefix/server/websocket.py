"""WebSocket upgrades, relayed message by message both ways (Lemonade's `/logs/stream` and `/realtime`)."""

import asyncio
from contextlib import suppress

from warmprefix.backends.websocket import BackendSocket, Closed
from warmprefix.core.errors import BackendError, Disconnected, RefusedUpgrade
from warmprefix.server.asgi import Receive, Scope, Send, target_of
from warmprefix.server.backends import Backend, Backends
from warmprefix.server.relay import request_headers

_BAD_GATEWAY = 1014  # IANA WebSocket close code: the proxy got no valid answer
_GOING_AWAY = 1001
_NORMAL = 1000
_NEVER_SENT = frozenset({1005, 1006, 1015})  # RFC 6455, 7.4.1: they mean that no code was received


class WebSockets:
    """Relays WebSocket connections to the first healthy backend."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Open the backend's side, then the client's, then relay until either closes."""
        await receive()  # websocket.connect
        with suppress(OSError):  # the client has left; the web server raises this on sending
            try:
                backend = await self._open(scope, receive)
            except RefusedUpgrade as refusal:
                await _refuse(send, scope, refusal.status)
            except BackendError:
                await _refuse(send, scope, 502)
            else:
                if backend is not None:
                    await _relay(receive, send, backend)

    async def _open(self, scope: Scope, receive: Receive) -> BackendSocket | None:
        """The backend's side; None if the client leaves before it is open."""
        protocols = tuple(scope.get("subprotocols", ()))

        async def ask(backend: Backend) -> BackendSocket:
            headers = await backend.parts.outgoing(request_headers(scope))
            return await backend.parts.connections.websocket(target_of(scope), headers, protocols)

        opening = asyncio.get_running_loop().create_task(self._backends.reach(ask))
        leaving = asyncio.ensure_future(receive())  # before the upgrade only a disconnect can come
        try:
            await asyncio.wait((opening, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            if not opening.done():
                opening.cancel()
                await asyncio.wait((opening,))
        return None if opening.cancelled() else opening.result()


async def _relay(receive: Receive, send: Send, backend: BackendSocket) -> None:
    closed = Closed(_GOING_AWAY)
    try:
        await send({"type": "websocket.accept", "subprotocol": backend.protocol})
        loop = asyncio.get_running_loop()
        up = loop.create_task(_up(receive, backend))
        down = loop.create_task(_down(send, backend))
        try:
            await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
        finally:
            up.cancel()
            down.cancel()
            await asyncio.wait((up, down))
        closed = closed if up.cancelled() else up.result()
        if not down.cancelled():
            down.result()
    finally:
        await backend.close(closed)


async def _refuse(send: Send, scope: Scope, status: int) -> None:
    """Refuse the upgrade, with an HTTP answer if the web server can give one."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": _BAD_GATEWAY})
        return
    await send({"type": "websocket.http.response.start", "status": status, "headers": []})
    await send({"type": "websocket.http.response.body", "body": b""})


async def _up(receive: Receive, backend: BackendSocket) -> Closed:
    """Relay the client's messages until it closes; returns its close code and reason."""
    with suppress(Disconnected):  # the other direction learns how the backend closed
        while (message := await receive())["type"] == "websocket.receive":
            text: str | None = message.get("text")
            await backend.send(message["bytes"] if text is None else text)
        code = message.get("code", _NORMAL)
        return Closed(_GOING_AWAY if code in _NEVER_SENT else code, message.get("reason") or "")
    return Closed(_GOING_AWAY)


async def _down(send: Send, backend: BackendSocket) -> None:
    """Relay the backend's messages until it closes; the client gets its close code."""
    while True:
        match await backend.receive():
            case str(text):
                await send({"type": "websocket.send", "text": text})
            case bytes(data):
                await send({"type": "websocket.send", "bytes": data})
            case Closed(code, reason):
                code = _BAD_GATEWAY if code in _NEVER_SENT else code
                await send({"type": "websocket.close", "code": code, "reason": reason})
                return
