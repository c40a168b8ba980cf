"""Reads an opening that somebody knows beforehand, before the first conversation that begins with it.

It goes in steps while nothing runs. A request that comes ends the running step, and reading goes on when that
has ended.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from warmprefix.backends.llama import Llama
from warmprefix.core.slots.openings import Mark, mark_of, shown_of
from warmprefix.core.slots.prewarm import PLACEHOLDER, STEP_TOKENS, Plan, beginnings, is_text
from warmprefix.core.slots.state import SlotState
from warmprefix.pipeline.stages import Written
from warmprefix.slots.ahead import Run
from warmprefix.slots.opening_files import OpeningFiles, common, content_of
from warmprefix.slots.pause import Pause

_QUIET_S = 0.05  # between two looks whether anything runs
_TRIES = 3  # slots in which it is begun

NOT_ASKED = "the backend is no llama-server that can be asked, or it sleeps"
NOT_SAVED = "llama-server runs without --slot-save-path, so an opening cannot be kept"
NOT_RENDERED = "the backend's template cannot render it, or it has pictures"
TOO_SHORT = "it is shorter than slots.min_save_tokens"
NO_ROOM = "no slot is empty, and none holds a conversation that is saved; try again in a while"
TAKEN = "its slot was taken by a request; try again when less is going on"
NOT_WRITTEN = "llama-server has read it and could not save it"


@dataclass(frozen=True, slots=True)
class Progress:
    """`read`: how many of its `tokens` the slot holds now; `evaluated`: how many had to be evaluated. `id`: of
    the saved opening, once it is in a file; `failure`: why it ends without one."""

    read: int = 0
    tokens: int = 0
    evaluated: int = 0
    id: str = ""
    failure: str = ""


class OpeningWarm:
    """Warms the openings of one model."""

    def __init__(self, files: OpeningFiles, pause: Pause) -> None:
        self._files = files
        self._pause = pause

    async def warm(self, written: Written) -> AsyncIterator[Progress]:
        """Read and save what a request stands for, step by step. A last message that is only a placeholder is
        no part of it."""
        files, known = self._files, self._files.known
        await known.look()
        llama = known.llama
        if llama is None or known.is_asleep:
            yield Progress(failure=NOT_ASKED)
            return
        if not await files.snapshots.is_ready():
            yield Progress(failure=NOT_SAVED)
            return
        tokens = await self._tokens(llama, written)
        if len(tokens) < files.least_tokens:
            yield Progress(failure=TOO_SHORT if tokens else NOT_RENDERED)
            return
        mark = self._mark(written)
        saved = next((one for one in files.snapshots.openings() if one.mark == mark), None)
        if saved is not None:
            yield Progress(saved.tokens, saved.tokens, id=saved.id)
            return
        async for progress in self._read(llama, written, mark, tokens):
            yield progress

    async def _read(
        self, llama: Llama, written: Written, mark: Mark, tokens: tuple[int, ...]
    ) -> AsyncIterator[Progress]:
        """Read it in one slot or, if that is taken by a request, from the beginning in another."""
        files, whole, evaluated = self._files, len(tokens), 0
        for _ in range(_TRIES):
            await self._quiet()
            place = files.room()
            if place is None:
                yield Progress(tokens=whole, evaluated=evaluated, failure=NO_ROOM)
                return
            run = await files.begin(place, written, mark)
            async for held in self._steps(llama, run, tokens):
                yield Progress(held, whole, evaluated + run.evaluated)
            evaluated += run.evaluated
            if run.held < whole:
                continue
            saved = await files.keep(place, mark, whole)
            failure = NOT_WRITTEN if saved is None else ""
            yield Progress(whole, whole, evaluated, saved.id if saved else "", failure)
            return
        yield Progress(0, whole, evaluated, failure=TAKEN)

    async def _steps(self, llama: Llama, run: Run, tokens: tuple[int, ...]) -> AsyncIterator[int]:
        """How many tokens the slot holds after each step; ends early if the slot is taken by a request."""
        while run.held < len(tokens):
            run.resume(await self._quiet(), content_of(run.conversation))
            end = min(run.held + STEP_TOKENS, len(tokens))
            steps = run.steps(llama, Plan(tokens[:end], run.held), STEP_TOKENS)
            step = self._pause.start(steps, "opening")
            try:
                await asyncio.wait({step})
            finally:
                step.cancel()
            if not step.cancelled() and run.held < end:
                return
            yield run.held

    async def _quiet(self) -> Sequence[SlotState]:
        """The slots, once nothing runs: no request of ours, none of others, and no step that was broken off."""
        while True:
            states = await self._files.known.slot_states()
            if self._files.table.is_quiet and not any(state.is_busy for state in states):
                return states
            await asyncio.sleep(_QUIET_S)

    async def _tokens(self, llama: Llama, written: Written) -> tuple[int, ...]:
        """What the prompt begins with, up to the placeholder; none if that cannot be told."""
        text = await self._files.render(written) if is_text(written.sent) else None
        if not text:
            return ()
        texts = beginnings(text) or (text,)
        return common(tuple([await llama.tokenize(text) for text in texts]))

    def _mark(self, written: Written) -> Mark:
        sent = written.sent
        texts = self._files.table.reaches.texts(sent.messages)
        whole, last = len(texts), len(texts[-1])
        ends_open = PLACEHOLDER in texts[-1]
        fragment = 0 if ends_open else last
        shown = shown_of(sent, texts, written.placed.understood.scope)
        return mark_of(shown, whole - 1, fragment)
