"""A request as it arrives, and the moment its client leaves."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from enum import Enum

from warmprefix.server.asgi import Receive
from warmprefix.tasks import Tasks


class ClientGone(Exception):
    """The client closed its connection."""


class TooLarge(Exception):
    """The body is larger than the limit."""


class Incoming:
    """The body of one request."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._whole = asyncio.Event()

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it arrives. Raises ClientGone."""
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            more = message.get("more_body", False)
            if piece := message.get("body", b""):
                yield piece
        self._whole.set()

    async def read(self, limit: int) -> bytes:
        """The whole body. Raises ClientGone, and TooLarge beyond `limit` bytes."""
        pieces: list[bytes] = []
        size = 0
        async for piece in self.pieces():
            size += len(piece)
            if size > limit:
                raise TooLarge
            pieces.append(piece)
        return b"".join(pieces) if len(pieces) != 1 else pieces[0]

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
    work: Coroutine[object, object, None], incoming: Incoming, tasks: Tasks
) -> Ending:
    """Run `work`, and cancel it at once when the client leaves.

    Cancelling closes the connection to the backend, so the model does not go on for a client that has left.
    """
    job = asyncio.get_running_loop().create_task(work)
    watch = tasks.start(incoming.gone(), "watch")
    try:
        await asyncio.wait((job, watch), return_when=asyncio.FIRST_COMPLETED)
    finally:
        watch.cancel()
        if not job.done():
            job.cancel()
            await asyncio.wait((job,))
    if job.cancelled():
        return Ending.CLIENT_GONE
    job.result()
    return Ending.DONE
