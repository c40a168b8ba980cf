"""Holds side requests back while a conversation is in a tool loop in the only slot, for a bounded time.

A title would overwrite the slot, and the loop's prompt would be read again with its next call. After the loop
the title costs the same, but by then the user is reading.
"""

import asyncio
import time


class SideWait:
    """The conversations of one backend that are at work. `limit_s`: for so long a request is held back."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._at_work: set[str] = set()
        self._rested = asyncio.Event()
        self._rested.set()

    def began(self, conversation: str | None) -> None:
        """A turn of a conversation runs."""
        if conversation is not None:
            self._at_work.add(conversation)
            self._rested.clear()

    def ended(self, conversation: str | None, *, goes_on: bool) -> None:
        """It has ended; it goes on if the reply has called tools."""
        if conversation is not None and not goes_on:
            self._at_work.discard(conversation)
        if not self._at_work:
            self._rested.set()

    async def wait(self) -> str:
        """Wait until no conversation is at work. Returns what to log about it, empty if nothing waited."""
        if self._rested.is_set():
            return ""
        began_s = time.monotonic()
        try:
            async with asyncio.timeout(self._limit_s):
                await self._rested.wait()
        except TimeoutError:
            self._at_work.clear()  # one whose client has left would hold all others back
            self._rested.set()
            return f"waited {self._limit_s:.1f} s for a tool loop, which goes on"
        return f"waited {time.monotonic() - began_s:.1f} s for a tool loop"
