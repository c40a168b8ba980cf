"""What is known of a backend's kind, asked when it is first needed and again until it answers."""

import asyncio
import time

from proxy.backends.base import Kind
from proxy.backends.kinds import KINDS
from proxy.backends.probe import identify
from proxy.core.errors import Unreachable

_AGAIN_S = 2.0  # a backend that is still loading is asked this often, by the requests themselves
_FIRST_WAIT_S = (
    0.5  # how long a request waits to learn it; a loopback server answers in milliseconds
)


class KnownBackend:
    """The kind of the backend at `url`. `kind`: its name, or "auto" to ask."""

    def __init__(self, url: str, kind: str) -> None:
        self._url = url
        self._kind: Kind | None = KINDS.get(kind)
        self._asked_s = -_AGAIN_S
        self._asking = asyncio.Lock()

    @property
    def name(self) -> str:
        """The kind's name, "unknown" while the backend has not answered."""
        return self._kind.name if self._kind else "unknown"

    async def kind(self) -> Kind:
        """The kind, or the one that changes nothing while it is not known."""
        if self._kind is None:
            await self.ask()
        return self._kind or KINDS["openai-compatible"]

    async def ask(self) -> None:
        """Ask the backend what it is, unless that is known or was just tried."""
        async with self._asking:
            if self._kind is not None or time.monotonic() - self._asked_s < _AGAIN_S:
                return
            self._asked_s = time.monotonic()
            try:
                async with asyncio.timeout(_FIRST_WAIT_S):
                    self._kind = KINDS[await identify(self._url)]
            except (Unreachable, TimeoutError):
                return

    async def answers(self) -> bool:
        """Whether the backend is there now."""
        try:
            name = await identify(self._url)
        except Unreachable:
            return False
        self._kind = self._kind or KINDS[name]
        return True
