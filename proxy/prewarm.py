"""Evaluates the beginning of the coming prompt in the conversation's own slot, while nobody asks anything.

What is worth it is decided in core/prewarm.py. Here: when nothing runs, in steps, and gone as soon as
somebody asks.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

from proxy.backends.known import KnownBackend
from proxy.backends.llama import Llama
from proxy.config import PrewarmConfig
from proxy.core.prewarm import (
    PLACEHOLDER,
    Plan,
    beginnings,
    final_answer,
    forms,
    held_tokens,
    is_text,
    plan,
    step_tokens,
)
from proxy.core.turn import Turn
from proxy.core.types import Message, Reply, Request
from proxy.counters import Counters
from proxy.dialects import chat_completions
from proxy.pipeline import Pipeline, Prepared
from proxy.recent import Recent
from proxy.slotkeeper import Seat, SlotKeeper
from proxy.tasks import Tasks

_WAITING = 8  # conversations; one machine has 1 to 8 slots


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A turn after which a user message is expected, and what its slot holds."""

    turn: str
    conversation: str
    prepared: Prepared
    request: Request
    reply: Message
    seat: Seat
    held: int
    step: int


class Prewarm:
    """Reads ahead for the conversations of one backend."""

    def __init__(
        self,
        config: PrewarmConfig,
        pipeline: Pipeline,
        recent: Recent,
        keeper: SlotKeeper,
        known: KnownBackend,
        counters: Counters,
        tasks: Tasks,
    ) -> None:
        self._config = config
        self._pipeline = pipeline
        self._recent = recent
        self._keeper = keeper
        self._known = known
        self._counters = counters
        self._tasks = tasks
        self._waiting: OrderedDict[str, _Candidate] = OrderedDict()
        self._running: asyncio.Task[None] | None = None

    def arrived(self) -> None:
        """A request has come: stop at once. What was not begun waits for the next pause."""
        if self._running is not None:
            self._running.cancel()
            self._running = None

    def ended(self, turn: Turn, prepared: Prepared, reply: Reply, seat: Seat | None) -> None:
        """A request has ended."""
        candidate = _candidate(turn, prepared, reply, seat)
        if turn.place is not None and not turn.side:
            self._waiting.pop(turn.place.conversation, None)
        if candidate is not None:
            self._waiting[candidate.conversation] = candidate
            while len(self._waiting) > _WAITING:
                self._waiting.popitem(last=False)
        self.arrived()
        if self._waiting:
            self._running = self._tasks.start(self._run(), "prewarm")

    async def _run(self) -> None:
        """Every conversation that waits, the newest first."""
        await asyncio.sleep(self._config.idle_s)
        llama = self._known.llama
        while self._waiting and llama is not None:
            name = next(reversed(self._waiting))
            candidate = self._waiting[name]
            slots = await llama.slots()
            if any(slot.is_busy for slot in slots):
                return  # others use the backend too; it is tried again when a request of ours has ended
            found = await self._plan(llama, candidate)
            del self._waiting[name]
            if found is not None and found.loss >= self._config.min_tokens:
                await self._evaluate(llama, candidate, found)

    async def _plan(self, llama: Llama, candidate: _Candidate) -> Plan | None:
        """What the next prompt begins with; None where that cannot be told."""
        if not await self._is_ours(llama, candidate, candidate.held):
            return None
        sent = await llama.render(candidate.prepared.body)
        if sent is None:
            return None
        texts: dict[str, None] = {}
        for reply in forms(candidate.reply):
            rendered = await llama.render(await self._coming(candidate, reply))
            texts.update(dict.fromkeys(beginnings(rendered or "")))
        generated = (candidate.reply.reasoning or "") + str(candidate.reply.content or "")
        held = await llama.tokenize(sent + generated)
        coming = [await llama.tokenize(text) for text in texts]
        return plan(held, coming) if held and coming else None

    async def _coming(self, candidate: _Candidate, reply: Message) -> bytes:
        """The body that would go out for the next user message."""
        request = candidate.request
        messages = (*request.prompt.messages, reply, PLACEHOLDER)
        pays = self._known.template.reasoning_pays
        prompt = await self._pipeline.coming(candidate.prepared, messages, reasoning_pays=pays)
        kind = await self._known.kind()
        return chat_completions.render(request, prompt, kind.options(request))

    async def _is_ours(self, llama: Llama, candidate: _Candidate, tokens: int) -> bool:
        """Whether nothing runs, and the slot holds what this conversation left there: so many tokens."""
        seat, views = candidate.seat, self._keeper.views()
        if seat.slot is None or seat.slot >= len(views):
            return False
        view, slots = views[seat.slot], await llama.slots()
        if len(slots) != len(views) or any(slot.is_busy for slot in slots):
            return False
        is_own = view.conversation == candidate.conversation and not view.is_side
        return is_own and not view.is_busy and slots[seat.slot].tokens == tokens

    async def _evaluate(self, llama: Llama, candidate: _Candidate, found: Plan) -> None:
        """Step by step, as long as nobody else is there."""
        slot, held, evaluated = candidate.seat.slot, candidate.held, 0
        assert slot is not None
        self._counters.prewarms["runs"] += 1
        try:
            for end in found.steps(candidate.step):
                if not await self._is_ours(llama, candidate, held):
                    break
                step = await llama.evaluate(slot, found.tokens[:end], candidate.request.model)
                if step is None:
                    break
                held, evaluated = end, evaluated + step
        except asyncio.CancelledError:
            self._counters.prewarms["cancelled"] += 1
            raise
        finally:
            self._counters.prewarms["tokens"] += evaluated
            self._keeper.read_ahead(slot, held)
            whole = held if held == len(found.tokens) else None
            self._recent.prewarmed(candidate.conversation, candidate.turn, evaluated, whole)


def _candidate(
    turn: Turn, prepared: Prepared, reply: Reply, seat: Seat | None
) -> _Candidate | None:
    """The turn as one to read ahead for; None where that is not ours to do."""
    request, sent, held = prepared.request, prepared.sent, held_tokens(turn.stats)
    if request is None or sent is None or turn.place is None or seat is None or held is None:
        return None
    if turn.side or request.options.get("cache_prompt") is False or not is_text(sent):
        return None
    answer = final_answer(reply, turn.status)
    if answer is None:
        return None
    where, step = turn.place.conversation, step_tokens(turn.stats)
    return _Candidate(turn.id, where, prepared, request, answer, seat, held, step)
