"""A request as it arrives, and the moment its client leaves."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import suppress
from enum import Enum
from io import BytesIO

from warmprefix.server.asgi import Receive
from warmprefix.tasks import Tasks


class ClientGone(Exception):
    """The client closed its connection."""


def has_left(error: BaseException) -> bool:
    """Whether this came of a client that has left inside its body."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, ClientGone):
        found = found.__cause__ or found.__context__
    return found is not None


class TooLarge(Exception):
    """The body is larger than the limit."""


class TooMuchText(Exception):
    """There is more text in the body than is read in one piece; `pieces` has it from its beginning."""


_BLOCK_BYTES = 4096
_PIECE_BYTES = 256 * 1024


def text_bytes(piece: bytes) -> int:
    """How much of a piece of JSON is no picture or sound: base64 has neither blanks nor quotes."""
    blocks = (piece[at : at + _BLOCK_BYTES] for at in range(0, len(piece), _BLOCK_BYTES))
    return sum(len(block) for block in blocks if b" " in block or b'"' in block)


LINGER_S = 10.0
LINGER_SILENCE_S = 1.0
"""How long what comes of a refused body is read and thrown away: in all, and while nothing comes. A connection
that is closed while bytes arrive is reset, and the client then loses the answer (RFC 9112, 9.6)."""


class Incoming:
    """The body of one request."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._whole = asyncio.Event()
        self._read = BytesIO()
        self._has_more = True

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it arrives, from its beginning. Raises ClientGone."""
        read, self._read = self._read.getbuffer(), BytesIO()
        for at in range(0, len(read), _PIECE_BYTES):
            yield bytes(read[at : at + _PIECE_BYTES])
        async for piece in self._arriving():
            yield piece

    async def _arriving(self) -> AsyncIterator[bytes]:
        while self._has_more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            self._has_more = message.get("more_body", False)
            if piece := message.get("body", b""):
                yield piece
        self._whole.set()

    async def read(self, limit: int, text_limit: int | None = None) -> bytes:
        """The whole body. Raises ClientGone, TooLarge beyond `limit` bytes, and TooMuchText beyond `text_limit`
        bytes of text.

        The pieces are put into one place as they come: a list of them and the whole would be twice as much.
        """
        whole, only = self._read, b""
        size = text = 0
        async for piece in self._arriving():
            size += len(piece)
            if size > limit:
                raise TooLarge
            if self._has_more or size > len(piece):
                whole.write(piece)
            else:
                only = piece
            if text_limit is not None:
                text += text_bytes(piece)
                if text > text_limit:
                    whole.write(only)
                    raise TooMuchText
        self._read = BytesIO()
        return only or whole.getvalue()

    async def throw_away(self) -> None:
        """Read what is still coming, for a limited time, and keep nothing of it."""
        self._read.truncate(0)  # while TooLarge is handled, its traceback refers to it too
        with suppress(TimeoutError, ClientGone):
            async with asyncio.timeout(LINGER_S):
                arriving = self._arriving()
                while True:
                    async with asyncio.timeout(LINGER_SILENCE_S):
                        if not await anext(arriving, b""):
                            return

    async def gone(self) -> None:
        """Return when the client has left. Waits for the whole body first, as both arrive by the same calls."""
        await self._whole.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass


class Ending(Enum):
    """How the work for a request ended."""

    DONE = "done"
    CLIENT_GONE = "client gone"


async def while_connected(
    work: Coroutine[object, object, None],
    incoming: Incoming,
    tasks: Tasks,
    left: Callable[["asyncio.Task[None]"], Awaitable[None]] | None = None,
) -> Ending:
    """Run `work`, and cancel it when the client leaves: at once, or when `left` returns.

    Cancelling closes the connection to the backend, so the model does not go on for a client that has left.
    """
    job = asyncio.get_running_loop().create_task(work)
    watch = tasks.start(incoming.gone(), "watch")
    try:
        await asyncio.wait((job, watch), return_when=asyncio.FIRST_COMPLETED)
        if left is not None and not job.done():
            await left(job)
    finally:
        watch.cancel()
        if not job.done():
            job.cancel()
            await asyncio.wait((job,))
    if job.cancelled():
        return Ending.CLIENT_GONE
    job.result()
    return Ending.DONE
