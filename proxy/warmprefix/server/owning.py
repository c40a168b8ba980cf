"""Which backends' slots are this proxy's to use: those whose lease it has in the ledger, if others share that.
A backend whose settings name another proxy as its owner is never this one's.

A slot table, saved slots and reading ahead are worth something only to who knows what ran in the slots; two
proxies that choose slots of one server would cut each other's conversations.
"""

import asyncio
import logging
import secrets
import socket
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from warmprefix.config.schema import Config
from warmprefix.core.errors import StoreError
from warmprefix.stores.base import Hold, Leases
from warmprefix.tasks import Tasks

logger = logging.getLogger(__name__)

LEASE_S = 6.0
"""For so long a proxy that has died keeps the slots; and for so long again the next one leaves them alone, as
the ledger may have forgotten who has them."""
_RENEWALS = 3  # in the time of a lease: one may be missed
_MARGIN = 0.9  # of a lease, after which its holder no longer believes in it


@dataclass(frozen=True, slots=True)
class Slots:
    """Those of one backend. `gained`: is called when they become this proxy's, and nothing is known of them;
    `lost`: when they are not any more."""

    gained: Callable[[], None]
    lost: Callable[[], None]


class Owning:
    """Takes the leases of all backends, and prolongs them, for as long as the proxy runs."""

    def __init__(
        self, leases: Leases | None, tasks: Tasks, others: Collection[str] = frozenset()
    ) -> None:
        """`leases`: None if no other proxy shares the ledger; then all slots are this one's, but for those of
        `others`, the addresses of backends that are never this one's. The lease is asked for even if this proxy
        is the one named: two may have been given one name."""
        self._leases = leases
        self._others = others
        self._tasks = tasks
        self._lease_s = LEASE_S
        self._me = secrets.token_hex(8)
        self._slots: dict[str, Slots] = {}
        self._until_s: dict[str, float] = {}  # how long each lease is certain
        self._from_s: dict[str, float] = {}  # when each that was taken may be used
        self._owned: set[str] = set()
        self._watching: asyncio.Task[None] | None = None

    def owns(self, url: str) -> bool:
        """Whether the slots of the backend at this address are this proxy's."""
        if url in self._others:
            return False
        if self._leases is None:
            return True
        return url in self._owned and time.monotonic() < self._until_s[url]

    def of(self, url: str) -> Callable[[], bool] | None:
        """The same question about one backend; None if nobody else can have its slots."""
        if self._leases is None and url not in self._others:
            return None
        return lambda: self.owns(url)

    def add(self, url: str, slots: Slots) -> None:
        """Look after the slots of this backend too."""
        if url in self._others:
            return
        self._slots[url] = slots
        if self._leases is not None and self._watching is None:
            self._watching = self._tasks.start(self._watch(self._leases), "slot leases")

    async def _watch(self, leases: Leases) -> None:
        while True:
            began_s = time.monotonic()
            try:
                held = await leases.take(self._me, tuple(self._slots), self._lease_s)
            except StoreError as error:
                logger.debug("the leases of slots cannot be prolonged: %s", error)
                held = {}
            self._note(held, began_s)
            await asyncio.sleep(self._lease_s / _RENEWALS)

    def _note(self, held: Mapping[str, Hold], began_s: float) -> None:
        for url, slots in self._slots.items():
            hold = held.get(url)
            if hold in (Hold.OWN, Hold.NEW):
                if hold is Hold.NEW or url not in self._from_s:
                    waits_s = self._lease_s if hold is Hold.NEW else 0.0
                    self._from_s[url] = time.monotonic() + waits_s
                self._until_s[url] = began_s + _MARGIN * self._lease_s
            elif hold is Hold.OTHERS:
                self._until_s[url] = 0.0
            self._decide(url, slots)

    def _decide(self, url: str, slots: Slots) -> None:
        now_s = time.monotonic()
        is_certain = now_s < self._until_s.get(url, 0.0)
        if not is_certain:
            self._from_s.pop(url, None)
        owns = is_certain and now_s >= self._from_s[url]
        if owns and url not in self._owned:
            self._owned.add(url)
            logger.info("the slots of %s are this proxy's", url)
            slots.gained()
        elif not owns and url in self._owned:
            self._owned.discard(url)
            logger.info("the slots of %s are no longer this proxy's", url)
            slots.lost()

    def stop(self) -> None:
        """End what would never end by itself."""
        if self._watching is not None:
            self._watching.cancel()

    async def close(self) -> None:
        """Let another proxy have the slots at once."""
        if self._leases is None or not self._slots:
            return
        self._owned.clear()
        try:
            await self._leases.give_up(self._me, tuple(self._slots), self._lease_s)
        except StoreError as error:
            logger.debug("the leases of slots cannot be given up: %s", error)


def owning(config: Config, leases: Leases | None, tasks: Tasks) -> Owning:
    """Who owns what by these settings: backends that name another proxy as their owner are never this one's."""
    own = config.server.name or socket.gethostname()
    backends = config.every_backend()
    others = frozenset(each.url for each in backends if each.owner not in ("", own))
    return Owning(leases, tasks, others)
