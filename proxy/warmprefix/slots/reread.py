"""Reads the latest conversations again after a restart of the backend, while no request runs.

A restart is noticed by asking: llama-server draws a new media marker at every start. Only slots that hold
nothing are used, and a saved slot is restored first if there is one.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from warmprefix.backends.known import Start
from warmprefix.backends.llama import Llama
from warmprefix.config import PrewarmConfig
from warmprefix.core.explain.saving import held as held_prompt
from warmprefix.core.slots.prewarm import Plan, coming_message, is_text, kept_reply, step_tokens
from warmprefix.core.slots.slot import Content, head_digest
from warmprefix.core.slots.snapshots import Held
from warmprefix.core.types import CacheStats, Message, Outcome, Reply
from warmprefix.pipeline.recent import Recent
from warmprefix.pipeline.stages import Ended, Patch, Written
from warmprefix.slots.ahead import Ahead, Run
from warmprefix.slots.pause import Pause
from warmprefix.slots.saved import Snapshots
from warmprefix.tasks import Tasks

logger = logging.getLogger(__name__)

_RETURN_S = 0.1  # between two looks at a backend that is gone
_AWAITED_S = 60.0  # how long we look that often: a large model takes that long to load
_LATEST = 8  # conversations; one machine has 1 to 8 slots
_TRIES = 8  # of one conversation after a restart: some servers clear what was begun each time
_NOBODY = frozenset({Outcome.BACKEND_UNREACHABLE, Outcome.BACKEND_DISCONNECTED})
# After the last turn; a client that comes back later gets a saved slot, or waits.
_WATCH_S = 4 * 3600.0


@dataclass(slots=True, eq=False)
class _Latest:
    """A conversation as its last turn left it: what was answered, with which status and counts. `start`: the
    start of the backend that answered, None until it has named itself; `run`: the second reading, once it has
    begun; `tries`: how often that was begun or gone on with since the backend restarted."""

    turn: str
    conversation: str
    written: Written
    answer: Reply
    status: int | None
    stats: CacheStats
    start: Start | None
    run: Run | None = None
    tries: int = 0

    @property
    def reply(self) -> Message | None:
        """The reply as its client keeps it; None if it was cut off."""
        return kept_reply(self.answer, self.status)

    @property
    def step(self) -> int:
        """How many tokens are read at once."""
        return step_tokens(self.stats)


class Reread:
    """Watches one backend for restarts."""

    reason = "reread"

    def __init__(
        self,
        config: PrewarmConfig,
        ahead: Ahead,
        recent: Recent,
        snapshots: Snapshots | None,
        tasks: Tasks,
        pause: Pause,
        has_read: Callable[[], None] = lambda: None,
        owns: Callable[[], bool] = lambda: True,
        is_looking: Callable[[], bool] = lambda: False,
    ) -> None:
        """`has_read` is called when the conversations of a start were read again; `owns`: whether the slots are
        this proxy's to use; `is_looking`: whether the slot of a request that has ended is still looked for."""
        self._is_looking = is_looking
        self._owns = owns
        self._has_read = has_read
        self._config = config
        self._ahead = ahead
        self._recent = recent
        self._snapshots = snapshots
        self._tasks = tasks
        self._pause = pause
        self._latest: OrderedDict[str, _Latest] = OrderedDict()
        self._last_s = 0.0
        self._gone_s = 0.0
        self._has_stopped = False
        self._reported: Start | None = None
        self._generation = 0
        self._waits_at: int | None = None
        self._watching: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None

    def ended(self, ended: Ended) -> Patch:
        """A request has ended: its conversation is read again if the backend restarts."""
        latest = _latest(ended, self._ahead.known.start)
        if latest is not None and not self._has_stopped and self._config.restart_check_s:
            self._watch_for(latest)
        return {}

    def _watch_for(self, latest: _Latest) -> None:
        if latest.status != 200:  # nobody answered: the client will ask the same again
            before = self._latest.get(latest.conversation)
            if before is None:
                return
            latest.turn, latest.start = before.turn, before.start
        self._latest[latest.conversation] = latest
        self._latest.move_to_end(latest.conversation)
        while len(self._latest) > _LATEST:
            self._latest.popitem(last=False)
        self._last_s = time.monotonic()
        if self._watching is None or self._watching.done():
            self._watching = self._tasks.start(self._watch(), "restart watch")

    def stop(self) -> None:
        """End what would never end by itself."""
        self._has_stopped = True
        for task in (self._reading, self._watching):
            if task is not None:
                task.cancel()

    async def _watch(self) -> None:
        while time.monotonic() - self._last_s < _WATCH_S:
            await asyncio.sleep(self._config.restart_check_s)
            if self._ahead.known.start is None:
                continue  # no llama-server, or one that does not say when it has started
            await self._await_return()
            lost = self._lost()
            if lost and self._owns():
                self._reading = self._pause.start(self._read_all(lost), "reread")
                await asyncio.wait({self._reading})
                self._has_read()

    async def _await_return(self) -> None:
        """See whether the backend has restarted; if it does not answer, ask often for a while."""
        while await self._ahead.known.look() is None:
            self._gone_s = self._gone_s or time.monotonic()
            if time.monotonic() - self._gone_s > _AWAITED_S:
                return
            await asyncio.sleep(_RETURN_S)
        self._gone_s = 0.0

    def _lost(self) -> Sequence[_Latest]:
        """The last conversations that an earlier start of the same model has read, newest first."""
        now = self._ahead.known.start
        for latest in self._latest.values():
            latest.start = latest.start or now
        newest = reversed(self._latest.values())
        return [
            x for x in newest if now and x.start != now and x.start and x.start.model == now.model
        ]

    async def _read_all(self, lost: Sequence[_Latest]) -> None:
        """Read each in a slot of its own, as long as there are empty ones."""
        known, table = self._ahead.known, self._ahead.table
        llama, now = known.llama, known.start
        if llama is None or known.is_asleep:
            return  # a sleeping backend is not woken for this
        self._follow(known.generation)
        if self._waits_at == table.events:
            return  # to ask for the slots delays the server's sleep
        events, states = table.events, await known.slot_states()
        if not states or any(state.is_busy for state in states):
            return
        if self._is_looking() or table.events != events:
            return  # what a request has left is for the one that looks for its slot
        table.read(states, events)
        for latest in lost:
            if latest.run is not None:
                latest.run.resume(states, _content(latest, latest.run.held, is_whole=False))
        for latest in lost:
            if not self._is_free():
                self._waits_at = table.events  # until a request has begun or ended
                return
            slot = self._slot_for(latest.conversation)
            if slot is None or not self._is_newest(latest) or latest.tries == _TRIES:
                latest.start = now  # there is no room or no use: never tried again
                continue
            self._report(now)
            latest.tries += 1
            if await self._read(llama, slot, latest):
                latest.start = now

    def _follow(self, generation: int) -> None:
        """What was begun is gone if this is another start of the backend."""
        self._ahead.table.follow(generation)
        if self._generation != generation:
            self._generation = generation
            for latest in self._latest.values():
                latest.run, latest.tries = None, 0

    def _is_free(self) -> bool:
        """Whether nothing runs, and it is known what each slot holds: nobody has used one since."""
        table = self._ahead.table
        return table.is_quiet and all(slot.is_known for slot in table.slots)

    def _slot_for(self, conversation: str) -> int | None:
        """The slot in which reading it was begun; otherwise an empty one."""
        table = self._ahead.table
        own = [
            s.id for s in table.slots if s.content and s.content.held.conversation == conversation
        ]
        empty = [slot.id for slot in table.slots if slot.is_empty]
        return next(iter([*own, *empty]), None)

    def _is_newest(self, latest: _Latest) -> bool:
        """Whether no other backend has had a turn of the conversation since."""
        last = self._recent.get(latest.conversation, latest.written.placed.keys)
        return last is not None and last.turn == latest.turn

    def _report(self, now: Start | None) -> None:
        if self._reported != now:
            self._reported = now
            logger.info("the backend has restarted; reading the latest conversations again")

    async def _read(self, llama: Llama, slot: int, latest: _Latest) -> bool:
        """Read one conversation, or go on with it. False if it was broken off."""
        is_cleared = self._ahead.table.slots[slot].is_empty
        if latest.run is None or is_cleared or latest.run.slot != slot:  # what was begun is gone
            latest.run = await self._run(slot, latest)
        run = latest.run
        plan = await self._plan(llama, latest)
        if plan is None:
            return False
        if len(plan.tokens) - run.held < self._config.min_tokens:
            return True
        if run.held == 0 and self._shared(slot, latest, len(plan.tokens)) >= latest.step:
            return True  # broken off early, the reading would hold less than the server finds there
        try:
            await run.steps(llama, replace(plan, shared=run.held), latest.step)
        finally:
            is_whole = run.held == len(plan.tokens)
            self._ahead.table.hold(slot, _content(latest, run.held, is_whole=is_whole), run.held)
            whole = run.held if is_whole else None
            self._recent.prewarmed(latest.conversation, latest.turn, run.evaluated, whole)
        return is_whole

    def _shared(self, slot: int, latest: _Latest, tokens: int) -> int:
        """How many of the prompt's tokens another slot holds too, by the share of its characters."""
        table, prompt = self._ahead.table, latest.written.sent
        others = (s.content for s in table.slots if s.id != slot and s.content is not None)
        reaches = (table.reaches.of(content.prompt, prompt) for content in others)
        return max((round(tokens * r.characters / max(r.total, 1)) for r in reaches), default=0)

    async def _plan(self, llama: Llama, latest: _Latest) -> Plan | None:
        """What the next prompt begins with: the reply too if it was whole; otherwise the same request again."""
        if latest.reply is not None:
            coming = coming_message(latest.reply)
            return await self._ahead.plan(llama, latest.written, latest.reply, coming, "")
        text = await self._ahead.render(latest.written)
        tokens = await llama.tokenize(text) if text else ()
        return Plan(tokens, 0) if tokens else None

    async def _run(self, slot: int, latest: _Latest) -> Run:
        """Begin in an empty slot, or with the saved slot of the conversation."""
        table, conversation = self._ahead.table, latest.conversation
        table.hold(slot, _content(latest, 0, is_whole=False), 0)
        if self._snapshots is None or not await self._snapshots.is_ready():
            return Run(self._ahead, slot, conversation, latest.written.request.model, 0, 0, 0)
        head = head_digest(latest.written.sent)
        saved = self._snapshots.best(latest.written.placed.keys, head)
        held = 0 if saved is None else await self._snapshots.restore(slot, saved)
        table.hold(slot, _content(latest, held, is_whole=held > 0), held)
        return Run(self._ahead, slot, conversation, latest.written.request.model, held, 0, held)


def _content(latest: _Latest, tokens: int, *, is_whole: bool) -> Content:
    sent, keys = latest.written.sent, latest.written.placed.keys
    held = Held(latest.conversation, keys, head_digest(sent), tokens)
    return Content(held, held_prompt(sent, latest.reply), is_whole=is_whole)


def _latest(ended: Ended, start: Start | None) -> _Latest | None:
    """The turn as one to read again; None if that is not our part, or the prompt would not come again."""
    written = ended.outgoing
    if not isinstance(written, Written) or ended.is_side:
        return None
    if ended.status != 200 and ended.outcome not in _NOBODY:
        return None
    request, sent = written.request, written.sent
    if request.has_slot or not request.reuses or not is_text(sent):
        return None
    where, answer = written.place.conversation, (ended.reply, ended.status, ended.stats)
    return _Latest(ended.came.turn, where, written, *answer, start)
