"""An echo WebSocket on an accepted connection: `/logs/stream` and `/realtime` of the double.

The real services speak first, with messages of their own; the proxy relays frames without reading them, so an
echo shows everything that matters. Handshake and frames: the sans-I/O part of `websockets`.
"""

from websockets.frames import Frame, Opcode
from websockets.http11 import Request as Handshake
from websockets.server import ServerProtocol

from tests.fakes.scripted_http import Connection, Request


def is_upgrade(request: Request) -> bool:
    """The request asks for a WebSocket (RFC 6455 section 4.1)."""
    return (request.header("upgrade") or "").lower() == "websocket"


async def echo(connection: Connection, request: Request) -> None:
    """Accept, then send every frame back until either side closes."""
    protocol = ServerProtocol()
    protocol.receive_data(request.head)
    while True:
        answer(protocol)
        if not await flush(protocol, connection):
            return
        if not connection.buffer and not await connection.fill():
            connection.mark_gone()
            return
        protocol.receive_data(connection.take(len(connection.buffer)))


def answer(protocol: ServerProtocol) -> None:
    """Answer what has been received; pings and closes are answered by the protocol itself."""
    for event in protocol.events_received():
        if isinstance(event, Handshake):
            protocol.send_response(protocol.accept(event))
        elif isinstance(event, Frame):
            echo_frame(protocol, event)


def echo_frame(protocol: ServerProtocol, frame: Frame) -> None:
    """Send a data frame back, fragment for fragment."""
    data = bytes(frame.data)
    if frame.opcode is Opcode.TEXT:
        protocol.send_text(data, fin=frame.fin)
    elif frame.opcode is Opcode.BINARY:
        protocol.send_binary(data, fin=frame.fin)
    elif frame.opcode is Opcode.CONT:
        protocol.send_continuation(data, fin=frame.fin)


async def flush(protocol: ServerProtocol, connection: Connection) -> bool:
    """Send what is due; false if the conversation is over (an empty piece is the end)."""
    for data in protocol.data_to_send():
        if not data:
            return False
        await connection.send(data)
    return True
