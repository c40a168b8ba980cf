"""Prompts that are read to their end although their client has left, so that it finds them read.

A client that gives up asks for the same again. Directly, llama-server is then still busy with the batch that
runs, puts the second request into another slot, and begins anew there. Off unless the user wants it: if the
client does not come back, the prompt was read for nobody.
"""

import asyncio
from dataclasses import dataclass, field
from hashlib import blake2b

from warmprefix.pipeline.stages import Outgoing, Passed
from warmprefix.server.keep_alive import Sleep

LONGEST_S = 600.0
"""A read that takes longer is given up."""

_LETS_GO_S = 0.5
"""llama-server notices a closed connection with its next token (20 ms, b11669). Asked before, it would take
another slot and begin anew there."""


@dataclass(frozen=True, slots=True, eq=False)
class _Left:
    """A read whose client has left: it is to end, it has ended."""

    is_dropped: asyncio.Event = field(default_factory=asyncio.Event)
    has_ended: asyncio.Event = field(default_factory=asyncio.Event)


class ReadingOn:
    """The reads whose clients have left. `sleep` waits for so many seconds."""

    def __init__(self, *, is_wanted: bool, sleep: Sleep = asyncio.sleep) -> None:
        self.is_wanted = is_wanted
        self._left: dict[bytes, _Left] = {}
        self.sleep = sleep

    def came(self, outgoing: Outgoing | None = None) -> bytes:
        """A request has come, or with None something else that the backend may work for: every read for another
        request is given up. Returns the key of this one; empty if it has none, as its body is not held."""
        if not self.is_wanted:
            return b""
        key = _key(outgoing) if outgoing is not None and outgoing.body else b""
        for own, left in self._left.items():
            if own != key:
                left.is_dropped.set()
        return key

    async def joined(self, key: bytes) -> None:
        """Return when nothing is read any more for a client that has asked for the same, and left."""
        if (left := self._left.get(key)) is not None:
            await left.has_ended.wait()
            await self.sleep(_LETS_GO_S)

    async def finish(
        self, key: bytes, work: "asyncio.Task[None]", has_spoken: asyncio.Event
    ) -> None:
        """The client has left: return when its prompt is read, or that is given up. Whoever asks for the same
        waits until `work` has ended. Of two that read the same, the one that was left first goes on."""
        if not key or key in self._left or has_spoken.is_set():
            return
        left = self._left[key] = _Left()
        work.add_done_callback(lambda _: self._ended(key))
        ends = (has_spoken.wait(), left.is_dropped.wait(), self.sleep(LONGEST_S))
        waits = [asyncio.ensure_future(end) for end in ends]
        try:
            await asyncio.wait((work, *waits), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _ended(self, key: bytes) -> None:
        self._left.pop(key).has_ended.set()


def _key(outgoing: Outgoing) -> bytes:
    """By what the same request is known: what is sent, where, and with which credentials."""
    came = outgoing.came if not isinstance(outgoing, Passed) else outgoing
    digest = blake2b(digest_size=16)
    names = ("authorization", "x-api-key", "api-key")
    for part in (came.endpoint, *(came.headers.get(name, "") for name in names)):
        digest.update(part.encode() + b"\0")
    digest.update(outgoing.body)
    return digest.digest()
