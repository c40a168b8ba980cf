"""The backend's side of a relayed WebSocket."""

from dataclasses import dataclass

import aiohttp

from warmprefix.core.errors import Disconnected

NORMAL = 1000
MOST_MESSAGE_BYTES = 64 * 1024 * 1024
"""Of one message, either way: it is in memory as a whole. A longer one ends both connections with 1009."""
ABNORMAL = 1006  # RFC 6455, 7.4.1: the connection ended without a close; never sent


@dataclass(frozen=True, slots=True)
class Closed:
    """A side closed the connection with this code and reason (RFC 6455, 7.4)."""

    code: int
    reason: str = ""


class BackendSocket:
    """An open WebSocket to a backend."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    @property
    def protocol(self) -> str | None:
        """The subprotocol that the backend chose."""
        return self._socket.protocol

    async def receive(self) -> str | bytes | Closed:
        """The next message, or how the connection ended."""
        message = await self._socket.receive()
        if message.type is aiohttp.WSMsgType.TEXT:
            return str(message.data)
        if message.type is aiohttp.WSMsgType.BINARY:
            return bytes(message.data)
        if message.type is aiohttp.WSMsgType.CLOSE:
            return Closed(message.data or NORMAL, message.extra or "")
        if isinstance(message.data, aiohttp.WebSocketError):
            return Closed(message.data.code)
        return Closed(ABNORMAL)

    async def send(self, message: str | bytes) -> None:
        """Send one message. Raises Disconnected."""
        try:
            if isinstance(message, str):
                await self._socket.send_str(message)
            else:
                await self._socket.send_bytes(message)
        except (aiohttp.ClientError, ConnectionError) as error:
            raise Disconnected(str(error)) from error

    async def close(self, closed: Closed) -> None:
        """Close the connection, unless the backend has."""
        await self._socket.close(code=closed.code, message=closed.reason.encode())
