"""Leases on a server that speaks Redis' protocol: a name each, which expires unless its holder prolongs it."""

import asyncio
from collections.abc import Mapping, Sequence

from warmprefix.stores.base import Hold
from warmprefix.stores.redis.server import Script, Server

_TAKE = Script("lease.lua")
_GIVE_UP = Script("give_up.lua")


class RedisLeases:
    """Asks through a connection of its own, one question at a time, in a thread."""

    def __init__(self, address: str, password: str | None) -> None:
        self._server = Server(address, password)

    async def take(self, holder: str, names: Sequence[str], ttl_s: float) -> Mapping[str, Hold]:
        """Take or prolong these leases. Raises StoreError."""
        answer = await self._run(_TAKE, holder, names, ttl_s)
        return dict(zip(names, map(Hold, answer), strict=True))

    async def give_up(self, holder: str, names: Sequence[str], ttl_s: float) -> None:
        """Let others have those of these that are the holder's. Raises StoreError."""
        await self._run(_GIVE_UP, holder, names, ttl_s)

    async def _run(
        self, script: Script, holder: str, names: Sequence[str], ttl_s: float
    ) -> list[int]:
        values = [holder, round(ttl_s * 1000), *names]
        answer: list[int] = await asyncio.to_thread(self._server.run, script, values)
        return answer

    async def close(self) -> None:
        """Close the connection."""
        await asyncio.to_thread(self._server.close)
