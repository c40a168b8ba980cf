"""Readings of `/slots` behind turns: they find the slots of the requests that the server has placed.

llama-server answers between two batches, and whoever asks has to take the answer in. So one question is under
way at a time: requests that end meanwhile share the next one. It waits for them a little if nothing depends on
it, and a request waits for the answer only if that may change what is chosen for it.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from warmprefix.backends.known import KnownModel
from warmprefix.core.explain.prefix import same_head
from warmprefix.core.explain.saving import held
from warmprefix.core.slots.seat import Left
from warmprefix.core.slots.slot import SIMILAR, Wish
from warmprefix.core.types import Prompt
from warmprefix.slots.saved import Snapshots
from warmprefix.slots.table import SlotTable
from warmprefix.tasks import Tasks

_SETTLE_S = 0.004
"""How long a request waits for a reading that is under way: the client that answers at once is a program."""

_ALONE_S = 0.05
"""The same if nothing else runs: the server answers soon then, and only this tells what was cut."""

_GATHER_S = 0.05
"""How long a question waits for the ends of other requests that run, if nothing depends on its answer: what
clients that were just answered ask next comes meanwhile, and goes first."""

_SILENCES = 4  # questions in a row that were not answered

_TRIES = 2  # what was learnt of a start meanwhile makes a reading void


class Readings:
    """Those of one backend's slots."""

    def __init__(
        self,
        table: SlotTable,
        known: KnownModel,
        tasks: Tasks,
        snapshots: Snapshots | None,
        found: Callable[[int | None], None],
    ) -> None:
        """`found` is called with the slot of a request that was looked for; None if it was not found."""
        self._table = table
        self._known = known
        self._tasks = tasks
        self._snapshots = snapshots
        self._found = found
        self._sought: list[Left] = []
        self._is_due = False
        self._is_urgent = asyncio.Event()
        self._silences = 0
        self._task: asyncio.Task[None] | None = None

    def is_looking(self) -> bool:
        """Whether the slot of a request that has ended is still looked for: who else takes in a reading of the
        slots now takes away what it is recognised by."""
        return self._task is not None and not self._task.done()

    @property
    def _must_look(self) -> bool:
        """Whether a start that nobody saw must be noticed before the slots are read: a file could be restored
        over what it has read since. A router's model that a request has loaded is not known yet either."""
        snapshots = self._snapshots
        return (snapshots is not None and snapshots.may_save) or not self._known.is_loaded

    def begin(self, left: Left | None = None) -> None:
        """Ask what the slots hold now, and find the request that has just ended, if there is one; not for ever
        of a server that does not say."""
        table = self._table
        if table.generation != self._known.generation:
            self._silences = 0
        if self._silences > _SILENCES:
            return
        is_alone = not table.is_running and not self.is_looking()
        if is_alone or (left is not None and self._may_matter(left.seat.wish, left.seat.prompt)):
            self._is_urgent.set()
        if left is not None:
            self._sought.append(left)
        self._is_due = True
        if not self.is_looking():
            self._task = self._tasks.start(self._run(), "learn slot")

    async def done(self, limit_s: float | None = None) -> None:
        """Return when none is under way."""
        if self._task is not None and not self._task.done():
            self._is_urgent.set()
            await asyncio.wait({self._task}, timeout=limit_s)

    async def wait(self, wish: Wish, sent: Prompt) -> None:
        """Wait for the one that is under way if a request depends on it, but not for long."""
        table = self._table
        if not self.is_looking() or (table.is_settled and table.slots) or table.has_unplaced:
            return
        is_alone = not table.is_running
        if (is_alone and table.traits.keeps_idle) or self._may_matter(wish, sent):
            await self.done(_ALONE_S if is_alone else _SETTLE_S)

    def _may_matter(self, wish: Wish, sent: Prompt) -> bool:
        """Whether something else than its own conversation, in a slot or looked for, may share enough with a
        request that the server would put the request there (core/slots/choice.py)."""
        table, mine = self._table, wish.conversation
        contents = [slot.content for slot in table.slots if slot.content is not None]
        others = [content.prompt for content in contents if content.held.conversation != mine]
        others += [
            held(seat.prompt, reply)
            for seat, _, reply, _ in self._sought
            if seat.conversation != mine
        ]
        snapshots = self._snapshots
        can_save = snapshots is not None and snapshots.can_save
        is_saved_first = can_save and table.traits.has_ram is False
        return (
            is_saved_first
            or not table.slots
            or any(not same_head(other, sent) for other in others)
            or any(
                reach.characters > SIMILAR * reach.total
                for reach in table.reaches.of_each(others, sent)
            )
        )

    async def _run(self) -> None:
        while self._is_due:
            with suppress(TimeoutError):
                async with asyncio.timeout(_GATHER_S):
                    await self._is_urgent.wait()
            self._is_urgent.clear()
            self._is_due, sought = False, len(self._sought)
            try:
                await self._find(self._sought[:sought])
            finally:
                del self._sought[:sought]

    async def _find(self, sought: list[Left]) -> None:
        known, table = self._known, self._table
        for number in range(_TRIES):
            if number or self._must_look:
                await known.look()
                if known.is_asleep:
                    break  # nothing is left in its slots, and the question would wake it
            table.follow(known.generation)
            events, generation = table.events, known.generation
            unplaced = [left for left in sought if not left.is_placed(generation)]
            states = await known.slot_states()
            self._silences = 0 if states else self._silences + 1
            if states and generation == known.generation:
                table.read(states, events, unplaced)
                for left in unplaced:
                    self._found(left.seat.slot)
                break
