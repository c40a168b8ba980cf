"""A backend that costs next to nothing: it reads a request and answers fixed bytes. A process of its own.

`python -m bench.path.mock` prints its port. A request whose body asks for a stream gets 200 events.
"""

import asyncio
import json
import sys

EVENTS = 200
_TIMINGS = {
    "cache_n": 999,
    "prompt_n": 1,
    "prompt_ms": 50.0,
    "predicted_n": 8,
    "predicted_ms": 80.0,
}


def _whole() -> bytes:
    message = {"role": "assistant", "content": "A reply of some words."}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    body = json.dumps({"choices": [choice], "model": "mock", "timings": _TIMINGS}).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _event(delta: dict[str, str], **more: object) -> bytes:
    choice = {"index": 0, "finish_reason": more.pop("finish", None), "delta": delta}
    value = {"choices": [choice], "created": 1, "id": "chatcmpl-x", "model": "mock", **more}
    return _chunk(b"data: " + json.dumps(value).encode() + b"\n\n")


def _stream() -> list[bytes]:
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    events = [_event({"content": f"word {number} "}) for number in range(EVENTS)]
    last = _event({}, finish="stop", timings=_TIMINGS)
    return [head, *events, last, _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"]


WHOLE, STREAM = _whole(), _stream()


class Backend(asyncio.Protocol):
    """One connection, kept."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._data = bytearray()

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._data[:end]).lower()
            _, _, rest = head.partition(b"content-length:")
            length = int(rest.split(b"\r\n")[0] or 0)
            if len(self._data) < end + 4 + length:
                return
            body = self._data[end + 4 : end + 4 + length]
            is_stream = b'"stream":true' in body[-200:] or b'"stream":true' in body[:200]
            del self._data[: end + 4 + length]
            if is_stream:
                self._sending = asyncio.get_running_loop().create_task(self._send_events())
            else:
                self._transport.write(WHOLE)

    async def _send_events(self) -> None:
        """Each event a write of its own, and a turn of the loop between two."""
        for piece in STREAM:
            self._transport.write(piece)
            await asyncio.sleep(0)


async def main() -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Backend, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.connect_read_pipe(lambda: _Until(server), sys.stdin)
    await server.wait_closed()


class _Until(asyncio.Protocol):
    def __init__(self, server: asyncio.Server) -> None:
        self._server = server

    def connection_lost(self, error: Exception | None) -> None:
        del error
        self._server.close()


if __name__ == "__main__":
    asyncio.run(main())
