"""A backend that costs next to nothing: it reads a request and answers fixed bytes. A process of its own.

`python -m bench.path.mock [FOLDER]` prints its port. A request whose body asks for a stream gets 200 events:
without a gap, or, if its model is called "paced", one every 5 ms, as a fast model writes them. It describes
itself as a llama-server with four slots, so that the proxy does all its work for it; with a FOLDER, as one with
a single slot that can be saved there.
"""

import asyncio
import json
import re
import sys
from pathlib import Path

EVENTS = 200
GAP_S = 0.005
_STREAM = re.compile(rb'"stream": ?true')
_PACED = re.compile(rb'"model": ?"paced"')
_ENDS = 8192  # bytes at each end of a body that contain its options, the tools included
_TIMINGS = {
    "cache_n": 999,
    "prompt_n": 1,
    "prompt_ms": 50.0,
    "predicted_n": 8,
    "predicted_ms": 80.0,
}
_USAGE = {"prompt_tokens": 1000, "completion_tokens": 8, "total_tokens": 1008}
_COMMON = {"created": 1, "id": "chatcmpl-x", "model": "mock"}


def _answer(value: object, status: str = "200 OK") -> bytes:
    body = json.dumps(value).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def _whole() -> bytes:
    message = {"role": "assistant", "content": "A reply of some words."}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    kind = {"object": "chat.completion"}
    return _answer({"choices": [choice], **kind, **_COMMON, "usage": _USAGE, "timings": _TIMINGS})


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _event(delta: dict[str, str], finish: str | None = None, **more: object) -> bytes:
    choice = {"index": 0, "finish_reason": finish, "delta": delta}
    value = {"choices": [choice], "object": "chat.completion.chunk", **_COMMON, **more}
    return _chunk(b"data: " + json.dumps(value).encode() + b"\n\n")


def _stream() -> list[bytes]:
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    events = [_event({"content": f"word {number} "}) for number in range(EVENTS - 2)]
    last = _event({}, "stop", timings=_TIMINGS, usage=_USAGE)
    return [head, *events, last, _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"]


CHAT = b"/v1/chat/completions"
WHOLE, STREAM = _whole(), _stream()
_NONE = {"error": {"code": 501, "message": "not supported by this server", "type": "not_supported"}}
OTHER = _answer(_NONE, "501 Not Implemented")
_MOVED = {"n_saved": 1, "n_written": 1, "n_restored": 1, "n_read": 1}


def pages(slots: int) -> dict[bytes, bytes]:
    """The answers that do not depend on the body, by path."""
    props = {
        "total_slots": slots,
        "chat_template": "{{ messages }}",
        "media_marker": "<one>",
        "build_info": "mock",
        "default_generation_settings": {"n_ctx": 1_000_000},
    }
    slot = {"n_ctx": 1_000_000, "is_processing": False, "n_prompt_tokens": 0}
    return {
        CHAT: WHOLE,
        b"/health": _answer({"status": "ok"}),
        b"/v1/models": _answer({"object": "list", "data": [{"id": "mock", "object": "model"}]}),
        b"/props": _answer(props),
        b"/slots": _answer([{"id": number, **slot} for number in range(slots)]),
    }


class Backend(asyncio.Protocol):
    """One connection, kept. Bodies have a Content-Length. `folder`: where slots are saved."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._pages = pages(4 if folder is None else 1)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._data = bytearray()

    def data_received(self, data: bytes) -> None:
        """A piece of a request, or the last of it."""
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._data[:end])
            _, _, rest = head.lower().partition(b"content-length:")
            length = int(rest.split(b"\r\n")[0] or 0)
            whole = end + 4 + length
            if len(self._data) < whole:
                return
            body = memoryview(self._data)[end + 4 : whole]
            ends = bytes(body[:_ENDS]) + bytes(body[-_ENDS:])
            body.release()
            del self._data[:whole]
            self._answer(head.split(b" ", 2)[1].partition(b"?")[0], ends)

    def _answer(self, path: bytes, ends: bytes) -> None:
        page = self._pages.get(path, OTHER)
        if self._folder is not None and path.startswith(b"/slots/"):
            name = json.loads(ends[: len(ends) // 2])[
                "filename"
            ]  # the body is short, so both ends have it whole
            (self._folder / name).write_bytes(b"x")
            page = _answer(_MOVED)
        if page is WHOLE and _STREAM.search(ends):
            gap_s = GAP_S if _PACED.search(ends) else 0.0
            self._sending = asyncio.get_running_loop().create_task(self._send_events(gap_s))
        else:
            self._transport.write(page)

    async def _send_events(self, gap_s: float) -> None:
        """Write each event by itself, with one turn of the loop, or a gap, between two."""
        for piece in STREAM:
            if self._transport.is_closing():
                return
            self._transport.write(piece)
            await asyncio.sleep(0 if piece is STREAM[0] else gap_s)


async def main() -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    server = await loop.create_server(lambda: Backend(folder), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = loop.create_future()
    await loop.connect_read_pipe(lambda: _Until(ended), sys.stdin)
    await ended
    server.close()


class _Until(asyncio.Protocol):
    def __init__(self, ended: "asyncio.Future[None]") -> None:
        self._ended = ended

    def connection_lost(self, error: Exception | None) -> None:
        del error
        if not self._ended.done():
            self._ended.set_result(None)


if __name__ == "__main__":
    asyncio.run(main())
