"""The load: raw connections that send one request after the other. A process of its own.

`python -m bench.path.load` reads jobs from standard input, one JSON object per line, and answers each with one
line: seconds of each request and of all, seconds to the first byte of each body, and how many requests there
were, warm-up included.
"""

import asyncio
import gc
import json
import sys
import time
from dataclasses import asdict, dataclass, field

from bench.path.bodies import SIZES, Mode, body_of
from bench.path.mock import EVENTS

PATH = "/v1/chat/completions"
_LIMIT_S = 20.0  # that a job may take beyond its time; a contestant that takes longer is too slow for that load
_WARM = 3  # requests before the count, to open connections and fill memories


@dataclass(frozen=True, slots=True)
class Job:
    """A load on one port: for so many seconds, but at least one request on every connection."""

    port: int
    size: str
    mode: Mode
    connections: int
    seconds: float


@dataclass(slots=True)
class Told:
    """The result of a job. `all_requests` includes the warm-up. `failed`: why there is no result."""

    seconds: list[float] = field(default_factory=list)
    first_seconds: list[float] = field(default_factory=list)
    total_s: float = 0.0
    all_requests: int = 0
    failed: str = ""


class Connection(asyncio.Protocol):
    """Sends the request again once it is answered, until the time is over."""

    def __init__(self, request: bytes, until_s: float, told: Told, *, is_checked: bool) -> None:
        self._request = request
        self._until_s = until_s
        self._told = told
        self._is_checked = is_checked
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._data = bytearray()
        self._body_at = 0
        self._length: int | None = None
        self._first_s: float | None = None
        self._began_s = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """A piece of the answer."""
        self._data += data
        if not self._body_at and not self._read_head():
            return
        if self._first_s is None and len(self._data) > self._body_at:
            self._first_s = time.perf_counter()
        if self._length is None:
            is_whole = self._data.endswith(b"\r\n0\r\n\r\n")
        else:
            is_whole = len(self._data) - self._body_at >= self._length
        if is_whole:
            self._answered()

    def _read_head(self) -> bool:
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self._data[:end]).lower()
        if b" 200 " not in head.split(b"\r\n")[0] + b" ":
            self._fail(f"not answered: {bytes(self._data[:600])!r}")
            return False
        self._body_at = end + 4
        if b"content-length:" in head:
            self._length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
        return True

    def _answered(self) -> None:
        now_s = time.perf_counter()
        # A relay that changes the framing may have cut a few of the words that we look for.
        if self._is_checked and self._data.count(b"data:") < EVENTS * 0.9:
            self._fail(f"a stream without its events: {bytes(self._data[-600:])!r}")
            return
        self._told.all_requests += 1
        self._told.seconds.append(now_s - self._began_s)
        self._told.first_seconds.append((self._first_s or now_s) - self._began_s)
        if now_s < self._until_s:
            self._send()
        elif not self.done.done():
            self._transport.close()
            self.done.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        """Fail if the last answer is not complete."""
        self._fail(f"the connection was lost: {error!r}")

    def _fail(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError(why))
        self._transport.close()


async def run(job: Job) -> Told:
    """Send all requests, by so many connections at once. Raises OSError if an answer is not 200."""
    body = body_of(SIZES[job.size], job.mode)
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    is_stream = job.mode != "whole"
    warm = Told()
    for _ in range(1 if job.mode == "paced" else _WARM):  # a paced one takes a second
        await _connect(job.port, request, 0.0, warm, is_checked=is_stream)
    told = Told()
    began_s = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(job.connections):
            until_s = began_s + job.seconds
            group.create_task(_connect(job.port, request, until_s, told, is_checked=False))
    told.total_s = time.perf_counter() - began_s
    told.all_requests += warm.all_requests
    return told


async def within_limit(job: Job) -> Told:
    """The result of the job. Also raises TimeoutError, which is an OSError."""
    async with asyncio.timeout(job.seconds + _LIMIT_S):
        return await run(job)


async def _connect(
    port: int, request: bytes, until_s: float, told: Told, *, is_checked: bool
) -> None:
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(
        lambda: Connection(request, until_s, told, is_checked=is_checked), "127.0.0.1", port
    )
    await connection.done


def main() -> None:
    """Answer jobs until standard input ends."""
    gc.disable()  # its pauses would count as the contestant's; this process needs little memory
    for line in sys.stdin:
        try:
            told = asyncio.run(within_limit(Job(**json.loads(line))))
        except* OSError as errors:
            told = Told(failed=repr(errors.exceptions[0]))
        print(json.dumps(asdict(told)), flush=True)
        gc.collect()


if __name__ == "__main__":
    main()
