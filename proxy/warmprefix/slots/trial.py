"""Finds out by a trial of some tokens what a server does with idle slots: it reports this nowhere.

Made only if no slot was ever used, so that nothing can be lost; later observations count more.
"""

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from warmprefix.backends.known import KnownModel
from warmprefix.backends.llama import Llama
from warmprefix.core.slots.state import SlotState
from warmprefix.slots.table import SlotTable

_TOKENS = 24
"""Enough that one shared token at the start of every prompt is less than a tenth of it
(--slot-prompt-similarity)."""


_START_S = 2.0
"""Limit of a task of one token, with which the server copies its idle slots in memory; a request waits."""


class SlotTrial:
    """The trial of one backend."""

    def __init__(self, table: SlotTable, known: KnownModel) -> None:
        self._table = table
        self._known = known
        self._token = 0

    async def run(self) -> None:
        """Learn the traits, if the server has at least two slots and has done nothing yet."""
        await self._known.has_restarted()
        llama = self._known.llama
        if llama is None or self._known.is_asleep:
            return  # asking for its slots would wake it
        states = await self._known.slot_states()
        self._table.follow(self._known.generation)
        is_fresh = self._table.is_fresh  # otherwise a request of ours may be on its way
        self._table.read(states, self._table.events)
        if not is_fresh or not states or not all(state.is_unused for state in states):
            return
        text = await llama.tokenize(secrets.token_hex(4 * _TOKENS))
        if len(text) >= _TOKENS:
            await self._try(llama, text[-_TOKENS:], len(states))

    async def _try(self, llama: Llama, text: Sequence[int], slots: int) -> None:
        """Some text in the first slot, one token in the last: does the first one keep its text? Then the text
        in the last: is it read, or found in the RAM cache?"""
        last = slots - 1
        # A token that no prompt begins with: a slot whose whole content is shared takes nothing from the RAM
        # cache.
        self._token = next((token for token in reversed(text) if token != text[0]), 0)
        if await llama.evaluate(0, tuple(text), None) is None or not await self.start_in(last):
            return
        keeps = slots == 1 or _tokens_in(await self._known.slot_states(), 0) > 0
        has_ram: bool | None = True  # idle slots are cleared only if they are saved
        if keeps:
            read = await llama.evaluate(last, tuple(text), None)
            has_ram = None if read is None else read < _TOKENS // 2
        self._table.traits = replace(self._table.traits, keeps_idle=keeps, has_ram=has_ram)
        events = self._table.events
        self._table.read(await self._known.slot_states(), events)

    async def start_in(self, slot: int) -> bool:
        """Run a task of one token in a slot; False if that failed."""
        llama = self._known.llama
        if llama is None:
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(_START_S):
                return await llama.evaluate(slot, (self._token,), None) is not None
        return False


def _tokens_in(states: Sequence[SlotState], slot: int) -> int:
    return next((state.tokens or 0 for state in states if state.id == slot), 0)
