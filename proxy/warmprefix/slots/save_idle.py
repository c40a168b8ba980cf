"""Saves a slot when nobody has used it for a while and the backend is idle, and at shutdown."""

import asyncio

from warmprefix.slots.saved import Snapshots
from warmprefix.slots.table import SlotTable
from warmprefix.tasks import Tasks

_LAST_S = 10.0  # for all slots at shutdown; a service manager kills after 90


class IdleSaving:
    """Watches the slots of one backend."""

    def __init__(self, table: SlotTable, snapshots: Snapshots, tasks: Tasks, idle_s: float) -> None:
        self._table = table
        self._snapshots = snapshots
        self._tasks = tasks
        self._idle_s = idle_s
        self._timers: dict[int, asyncio.TimerHandle] = {}

    def used(self, slot: int) -> None:
        """A request in this slot has ended: it counts as idle from now."""
        self._cancel(slot)
        loop = asyncio.get_running_loop()
        self._timers[slot] = loop.call_later(self._idle_s, self._due, slot)

    def _due(self, slot: int) -> None:
        del self._timers[slot]
        if self._table.held(slot) is None:
            return  # it is in use, or what it holds is not known: its next request starts the timer again
        if not self._table.is_quiet:
            self.used(slot)  # writing would slow down what runs
            return
        self._tasks.start(self._save(slot), "save slot")

    async def _save(self, slot: int) -> None:
        held = self._table.held(slot)
        if held is not None:
            await self._snapshots.save(slot, held)

    async def close(self) -> None:
        """Save what is not saved yet, as long as there is time."""
        for slot in tuple(self._timers):
            self._cancel(slot)
        try:
            async with asyncio.timeout(_LAST_S):
                for known in self._table.slots:
                    await self._save(known.id)
        except TimeoutError:
            return

    def _cancel(self, slot: int) -> None:
        timer = self._timers.pop(slot, None)
        if timer is not None:
            timer.cancel()
