"""Evaluates the beginning of the coming prompt in the conversation's own slot, while nobody asks anything.

What is worth it is decided in core/slots/prewarm.py. Here: when nothing runs, in steps, and gone as soon as
somebody asks.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

from warmprefix.backends.llama import Llama
from warmprefix.config import PrewarmConfig
from warmprefix.core.identity.reasoning import text_of
from warmprefix.core.slots.prewarm import (
    Plan,
    coming_question,
    final_answer,
    held_tokens,
    is_text,
    step_tokens,
)
from warmprefix.core.slots.seat import Seat
from warmprefix.core.types import Message
from warmprefix.pipeline.recent import Recent
from warmprefix.pipeline.stages import Ended, Patch, Written
from warmprefix.slots.ahead import Ahead, Run
from warmprefix.slots.pause import Pause

_WAITING = 8  # conversations; one machine has 1 to 8 slots


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A turn after which a user message is expected, and what its slot holds."""

    turn: str
    conversation: str
    written: Written
    reply: Message
    seat: Seat
    held: int
    step: int


class Prewarm:
    """Reads ahead for the conversations of one model."""

    reason = "prewarm"

    def __init__(self, config: PrewarmConfig, ahead: Ahead, recent: Recent, pause: Pause) -> None:
        self._config = config
        self._ahead = ahead
        self._recent = recent
        self._pause = pause
        self._waiting: OrderedDict[str, _Candidate] = OrderedDict()
        self._running: asyncio.Task[None] | None = None

    def ended(self, ended: Ended) -> Patch:
        """A request has ended: the coming prompt may be read. What was not begun waits for the next pause."""
        candidate = _candidate(ended)
        if isinstance(ended.outgoing, Written) and not ended.is_side:
            self._waiting.pop(ended.outgoing.place.conversation, None)
        if candidate is not None:
            self._waiting[candidate.conversation] = candidate
            while len(self._waiting) > _WAITING:
                self._waiting.popitem(last=False)
        if self._running is not None:
            self._running.cancel()
            self._running = None
        if self._waiting:
            self._running = self._pause.start(self._run(), "prewarm")
        return {}

    async def _run(self) -> None:
        """Every conversation that waits, the newest first."""
        await asyncio.sleep(self._config.idle_s)
        llama = self._ahead.known.llama
        while self._waiting and llama is not None:
            name = next(reversed(self._waiting))
            candidate = self._waiting[name]
            slots = await self._ahead.known.slot_states()
            if any(slot.is_busy for slot in slots):
                return  # others use the backend too; it is tried again when a request of ours has ended
            found = await self._plan(llama, candidate)
            del self._waiting[name]
            if found is not None and found.loss >= self._config.min_tokens:
                await self._evaluate(llama, candidate, found)

    async def _plan(self, llama: Llama, candidate: _Candidate) -> Plan | None:
        """What the next prompt begins with; None where that cannot be told."""
        if not await self._is_ours(candidate):
            return None
        sent = await self._ahead.render(candidate.written)
        if sent is None:
            return None
        reply = candidate.reply
        held = sent + (reply.reasoning or "") + text_of(reply)
        coming = coming_question(reply)
        return await self._ahead.plan(llama, candidate.written, reply, coming, held)

    async def _is_ours(self, candidate: _Candidate) -> bool:
        slot = candidate.seat.slot
        if slot is None:
            return False
        where, held = candidate.conversation, candidate.held
        return await self._ahead.is_ours(slot, where, held, held)

    async def _evaluate(self, llama: Llama, candidate: _Candidate, found: Plan) -> None:
        """Step by step, as long as nobody else is there."""
        slot, where, held = candidate.seat.slot, candidate.conversation, candidate.held
        assert slot is not None
        run = Run(self._ahead, slot, where, candidate.written.request.model, held, held, held)
        try:
            await run.steps(llama, found, candidate.step)
        finally:
            self._ahead.table.read_ahead(slot, run.held)
            whole = run.held if run.held == len(found.tokens) else None
            self._recent.prewarmed(where, candidate.turn, run.evaluated, whole)


def _candidate(ended: Ended) -> _Candidate | None:
    """The turn as one to read ahead for; None if that is not ours to do."""
    answer = final_answer(ended.reply, ended.status)
    written, seat = ended.outgoing, ended.seat
    if answer is None or not isinstance(written, Written) or not isinstance(seat, Seat):
        return None
    held = held_tokens(ended.stats)
    if held is None or ended.is_side or not written.request.reuses or not is_text(written.sent):
        return None
    where, step = written.place.conversation, step_tokens(ended.stats)
    return _Candidate(ended.came.turn, where, written, answer, seat, held, step)
