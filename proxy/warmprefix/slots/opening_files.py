"""Makes the files of openings while nothing runs, and restores them ahead.

An opening is read into an empty slot, cut at its last token, and saved. If a conversation that begins with it
is in a file, that is restored first: most models then evaluate one token. If there is no empty slot, one is
lent whose conversation is saved; it gets that back.
"""

from dataclasses import dataclass

from warmprefix.backends.known import KnownModel
from warmprefix.backends.llama import Llama
from warmprefix.core.explain.prefix import shared_characters
from warmprefix.core.slots.openings import Beginning, Mark, Shown
from warmprefix.core.slots.prewarm import BEGINNINGS, Plan, shared_tokens, step_tokens
from warmprefix.core.slots.slot import Content, Slot, head_digest
from warmprefix.core.slots.snapshots import Held, Snapshot
from warmprefix.core.slots.stand_down import StandDown
from warmprefix.core.types import CacheStats, Prompt
from warmprefix.counters import Counters
from warmprefix.pipeline.stages import Written
from warmprefix.slots.ahead import Ahead, Run
from warmprefix.slots.saved import Snapshots
from warmprefix.slots.table import SlotTable

BEHAVIOUR = "opening-read"
"""What stands down if reading openings for their files has cost more than openings have kept."""

_PAYS = 2  # conversations that had to read an opening before it is read once more for a file
_NO_PROMPT = Prompt((), None, {})


@dataclass(frozen=True, slots=True)
class Begun:
    """The first turn of a conversation. `shown`: its prompt as it was sent; `tokens`: those of it; `cached`:
    those that the server had."""

    conversation: str
    written: Written
    shown: Shown
    stats: CacheStats
    tokens: int
    cached: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """An opening to be saved: what two conversations `by` share. `reads`: how many had to read it."""

    beginning: Beginning
    by: tuple[Begun, Begun]
    reads: int

    @property
    def mark(self) -> Mark:
        """What recognises it."""
        return self.beginning.mark


@dataclass(frozen=True, slots=True)
class Place:
    """A slot to work in. `file`: what is restored into it first; `back`: what it held, with its file."""

    slot: int
    file: Snapshot | None
    back: tuple[Content, Snapshot] | None = None


class OpeningFiles:
    """The openings of one model on disk."""

    def __init__(
        self, ahead: Ahead, snapshots: Snapshots, stand_down: StandDown, least_tokens: int
    ) -> None:
        self._ahead = ahead
        self.snapshots = snapshots
        self.table: SlotTable = ahead.table
        self.counters: Counters = ahead.counters
        self._stand_down = stand_down
        self.least_tokens = least_tokens
        self._whole: set[str] = set()

    @property
    def is_whole(self) -> bool:
        """Whether the model was seen to reuse no part of what a slot holds, as recurrent ones do."""
        return self.snapshots.backend in self._whole

    def saw(self, *, reuses_parts: bool) -> None:
        """Take note of whether it reuses parts."""
        if reuses_parts:
            self._whole.discard(self.snapshots.backend)
        else:
            self._whole.add(self.snapshots.backend)

    @property
    def known(self) -> KnownModel:
        """What is known of the model."""
        return self._ahead.known

    async def render(self, written: Written) -> str | None:
        """The prompt of a request as the template renders it; None if the backend does not say."""
        return await self._ahead.render(written)

    def room(self) -> Place | None:
        """A slot to read into: an empty one, or one whose conversation is in a file."""
        slots = [slot for slot in self.table.slots if not slot.is_busy]
        empty = next((slot.id for slot in slots if slot.is_empty), None)
        if empty is not None:
            return Place(empty, None)
        return next(
            (Place(slot.id, None, back) for slot in slots if (back := self._back(slot))), None
        )

    def can_begin(self, wanted: Wanted) -> bool:
        """Whether an opening may be saved now: it costs nothing, or has been read often enough to pay."""
        if not self.snapshots.can_save or not self.table.is_quiet:
            return False
        if not self.is_whole and self._file(wanted) is not None:
            return True
        return wanted.reads >= _PAYS and self._stand_down.may(BEHAVIOUR)

    def helped(self, cached_tokens: int) -> None:
        """A prompt began with an opening that was restored for it."""
        self._stand_down.judge(BEHAVIOUR, cached_tokens)

    async def save(self, wanted: Wanted) -> bool | None:
        """Save an opening. False if that failed, None if it cannot be tried now."""
        known = self._ahead.known
        llama = known.llama
        if llama is None or known.is_asleep or not await self.snapshots.is_ready():
            return None
        states = await known.slot_states()
        place = self._place(wanted)
        if not states or any(state.is_busy for state in states) or place is None:
            return None
        tokens = await self._tokens(llama, wanted)
        if len(tokens) < self.least_tokens:
            return False
        new = wanted.by[0]
        step = len(tokens) if place.file or place.back else step_tokens(new.stats)
        run = await self.begin(place, new.written, wanted.mark)
        await run.steps(llama, Plan(tokens, 0), step)
        if run.held < len(tokens):
            return False
        if place.file or place.back:
            self.saw(reuses_parts=run.evaluated <= len(tokens) // 2)
        if run.evaluated > self.least_tokens:
            self._stand_down.judge(BEHAVIOUR, -run.evaluated)
        return await self.keep(place, wanted.mark, len(tokens)) is not None

    async def _tokens(self, llama: Llama, wanted: Wanted) -> tuple[int, ...]:
        """The tokens that the two prompts share, as far as the mark goes; none if that cannot be told."""
        texts = [await self._ahead.render(one.written) for one in wanted.by]
        one, other = (text or "" for text in texts)
        end = shared_characters(one, other) - wanted.beginning.cut
        if end <= 0:
            return ()
        ways = [await llama.tokenize(one[:end] + way) for way in BEGINNINGS]
        return common((await llama.tokenize(one), *ways))

    def _file(self, wanted: Wanted) -> Snapshot | None:
        """The smallest file of a conversation that begins with it."""
        heads = {one.conversation: head_digest(one.written.sent).hex() for one in wanted.by}
        found = [
            one
            for one in self.snapshots.listed()
            if one.backend == self.snapshots.backend
            and not one.opening
            and heads.get(one.conversation) == one.head
        ]
        return min(found, key=lambda one: one.tokens, default=None)

    def _place(self, wanted: Wanted) -> Place | None:
        """An empty slot, or one whose conversation is in a file and was there when the second one began: then
        the server is seen to cut what a slot holds."""
        slots, file = self.table.slots, self._file(wanted)
        file = None if self.is_whole else file
        empty = next((slot for slot in slots if slot.is_empty and not slot.is_busy), None)
        if empty is not None:
            return Place(empty.id, file)
        if file is None or wanted.reads >= len(wanted.by):
            return None
        return next((lent for slot in slots if (lent := self._lent(slot, wanted, file))), None)

    def _lent(self, slot: Slot, wanted: Wanted, file: Snapshot) -> Place | None:
        back = self._back(slot)
        if back is None:
            return None
        is_its_own = back[1].conversation in {one.conversation for one in wanted.by}
        return Place(slot.id, None if is_its_own else file, back)

    def _back(self, slot: Slot) -> tuple[Content, Snapshot] | None:
        """What an idle slot holds of a conversation, if that is in a file, with the file."""
        held = self.table.held(slot.id)
        if held is None or slot.is_busy or slot.content is None or not slot.is_known:
            return None
        saved = self.snapshots.best(held.keys, held.head)
        if saved is None or (saved.tip, saved.tokens) != (held.tip, held.tokens):
            return None
        return slot.content, saved

    async def begin(self, place: Place, written: Written, mark: Mark) -> Run:
        """Put into the slot what there is, and say in the table what it is used for."""
        where, slot = f"opening {mark.digest}", place.slot
        most = self.table.slots[slot].tokens or 0
        self.table.hold(slot, content_of(where), most)
        llama = self.known.llama
        if place.file is not None and llama is not None:
            if self.table.traits.keeps_idle is False:
                # Slots that share one KV cache share its room: the start of a task clears the idle ones.
                await llama.evaluate(slot, (0,), written.request.model)
            most = await self.snapshots.restore(slot, place.file)
            self.table.hold(slot, content_of(where), most)
        return Run(self._ahead, slot, where, written.request.model, 0, 0, most)

    async def keep(self, place: Place, mark: Mark, tokens: int) -> Snapshot | None:
        """Save what was read into the slot, and give that back; None if it could not be saved."""
        self.table.hold(place.slot, content_of(f"opening {mark.digest}"), tokens)
        saved = await self.snapshots.save_opening(place.slot, mark, tokens)
        await self._give_back(place, saved)
        return saved

    async def _give_back(self, place: Place, saved: Snapshot | None) -> None:
        """What the slot held is put back. Otherwise it is emptied: the server prefers a slot that shares a
        little of a conversation to all that its RAM cache has of it. Only if no conversation has run since the
        start, the RAM cache has none, and the opening stays."""
        slot = place.slot
        if place.back is not None:
            content, file = place.back
            tokens = await self.snapshots.restore(slot, file)
            is_back = tokens == file.tokens
            self.table.hold(slot, content if is_back else None, tokens)
        elif saved is not None and not self.table.left:
            name = saved.name
            self.table.hold(slot, content_of(saved.opening, name, saved.tokens), saved.tokens)
        elif await self.snapshots.erase(slot):
            self.table.hold(slot, None, 0)

    async def restore_ahead(self) -> None:
        """Restore the most used openings into empty slots, if no request has come since the backend started.

        One slot is left free. If slots share one KV cache, one opening is enough: they share its room too.
        """
        known, table = self._ahead.known, self.table
        if known.is_asleep or not await self.snapshots.is_ready() or not table.is_fresh:
            return
        events, states = table.events, await known.slot_states()
        if any(state.is_busy for state in states):
            return
        table.read(states, events)
        empty = [slot.id for slot in table.slots if slot.is_empty]
        room = max(len(empty) - 1, 1) if table.traits.keeps_idle or len(table.slots) == 1 else 1
        for slot, opening in zip(empty[:room], self.snapshots.openings(), strict=False):
            if await self.snapshots.restore(slot, opening) == opening.tokens:
                self.counters.openings["restored"] += 1
                content = content_of(opening.opening, opening.name, opening.tokens)
                table.hold(slot, content, opening.tokens)


def common(all_tokens: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
    """The tokens that all begin with; none if one of them is empty."""
    first = all_tokens[0]
    return first[: min(shared_tokens(first, other) for other in all_tokens)]


def content_of(where: str, name: str = "", tokens: int = 0) -> Content:
    """What a slot holds that belongs to no conversation: nothing is lost with it."""
    held = Held(where, (b"",), b"", tokens)
    return Content(held, _NO_PROMPT, is_side=True, is_whole=False, opening=name)
