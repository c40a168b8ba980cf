"""What reading ahead and reading again share: the coming prompt in tokens, and evaluating it in a slot."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from warmprefix.backends.known import KnownModel
from warmprefix.backends.llama import Llama
from warmprefix.core.slots.prewarm import Plan, beginnings, forms, plan
from warmprefix.core.slots.slot import Content
from warmprefix.core.slots.state import SlotState
from warmprefix.core.types import Message, Prompt
from warmprefix.counters import Counters
from warmprefix.dialects import to_render
from warmprefix.pipeline.prepare import Pipeline
from warmprefix.pipeline.stages import Written
from warmprefix.slots.table import SlotTable


class Ahead:
    """Looks ahead for one backend."""

    def __init__(
        self, pipeline: Pipeline, table: SlotTable, known: KnownModel, counters: Counters
    ) -> None:
        self.table = table
        self.known = known
        self._pipeline = pipeline
        self.counters = counters

    async def plan(
        self, llama: Llama, written: Written, reply: Message, coming: Message, held: str
    ) -> Plan | None:
        """What the prompt begins with that goes on from a reply with `coming`, against the text that the
        slot holds; None where that cannot be told."""
        texts: dict[str, None] = {}
        for form in forms(reply):
            rendered = await self.known.render(await self._body(written, form, coming))
            texts.update(dict.fromkeys(beginnings(rendered or "")))
        have = await llama.tokenize(held) if held else ()
        tokens = [await llama.tokenize(text) for text in texts]
        return plan(have, tokens) if tokens and all(tokens) and bool(have) == bool(held) else None

    async def render(self, written: Written) -> str | None:
        """The prompt of a request as it was sent; None if the backend does not say."""
        prompt = self._shown(written, written.sent)
        return await self.known.render(to_render(written.request, prompt, written.body))

    def _shown(self, written: Written, prompt: Prompt) -> Prompt:
        """The prompt as it goes out to this backend."""
        return (
            self._pipeline.folded(written.placed, prompt) if self.known.template.folds else prompt
        )

    async def _body(self, written: Written, reply: Message, coming: Message) -> bytes:
        """The body that would go out for the coming message."""
        request = written.request
        messages = (*request.prompt.messages, reply, coming)
        pays = self.known.template.reasoning_pays
        prompt = await self._pipeline.coming(written.placed, messages, reasoning_pays=pays)
        prompt = self._shown(written, prompt)
        kind = await self.known.kind()
        return to_render(
            request, prompt, request.dialect.render(request, prompt, kind.options(request))
        )

    async def is_ours(self, slot: int, conversation: str, least: int, most: int) -> bool:
        """Whether nothing runs, and the slot holds what this conversation left there: so many tokens."""
        table = self.table.slots
        if slot >= len(table):
            return False
        view, slots = table[slot], await self.known.slot_states()
        if len(slots) != len(table) or any(state.is_busy for state in slots):
            return False
        content = view.content
        is_own = content is not None and content.held.conversation == conversation
        return is_own and not view.is_busy and least <= (slots[slot].tokens or 0) <= most


@dataclass(slots=True)
class Run:
    """One evaluation, step by step, as long as nobody else is there.

    `held`: tokens in the slot after the last whole step; `least` and `most`: what `/slots` may say of it
    now (a step that was broken off leaves what it has read; a slot that was just restored says 0);
    `evaluated`: how many tokens the steps had to read.
    """

    ahead: Ahead
    slot: int
    conversation: str
    model: str | None
    held: int
    least: int
    most: int
    evaluated: int = 0

    def resume(self, states: Sequence[SlotState], content: Content) -> None:
        """A step that was broken off has left some of its tokens; they are ours if no turn is known there. The
        slot holds them as `content` then."""
        table = self.ahead.table
        known = table.slots[self.slot].content if self.slot < len(table.slots) else None
        is_ours = known is None or known.held.conversation == self.conversation
        tokens = next((state.tokens or 0 for state in states if state.id == self.slot), 0)
        if is_ours and self.least <= tokens <= self.most:
            table.hold(self.slot, content, tokens)

    async def steps(self, llama: Llama, found: Plan, size: int) -> None:
        """Evaluate the plan; cancelling ends the running step, and it can be gone on with."""
        counts = self.ahead.counters.prewarms
        counts["runs"] += 1
        try:
            for end in found.steps(size):
                where = (self.slot, self.conversation, self.least, self.most)
                if not await self.ahead.is_ours(*where):
                    break
                self.most = max(self.most, end)
                step = await llama.evaluate(self.slot, found.tokens[:end], self.model)
                if step is None:
                    break
                self.held = self.least = self.most = end
                self.evaluated += step
                counts["tokens"] += step
        except asyncio.CancelledError:
            counts["cancelled"] += 1
            raise
