"""What the slots of a backend hold, as far as it is proven, and which requests run in them. docs/slots.md.

It is proven if the request was sent to the slot by number, or if `/slots` shows in which slot it ran: it says
which task left how many tokens in each. A reading of `/slots` applies only to slots that nothing has used since
it was asked.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from warmprefix.core.explain.prefix import same_head
from warmprefix.core.explain.saving import Reaches, held
from warmprefix.core.slots.choice import is_saved_to_ram
from warmprefix.core.slots.openings import Offer
from warmprefix.core.slots.prewarm import held_tokens
from warmprefix.core.slots.reading import as_seen
from warmprefix.core.slots.seat import Left, Seat
from warmprefix.core.slots.slot import (
    Content,
    Share,
    Slot,
    SlotChoice,
    TakenFrom,
    Traits,
    Wish,
)
from warmprefix.core.slots.snapshots import Held
from warmprefix.core.slots.state import SlotState
from warmprefix.core.types import CacheStats, Message, Prompt
from warmprefix.slots.left import LeftContents
from warmprefix.slots.ram import RamCopies

_SEEN = 1000  # conversations of one start; a RAM cache has nothing of an older one either

Decide = Callable[[Wish, Sequence[Slot], Mapping[int, Share], Traits], SlotChoice]


class SlotTable:
    """The slots of one backend. It forgets everything when the backend has restarted."""

    def __init__(self, reaches: Reaches | None = None) -> None:
        """`reaches`: shared by all that compare prompts."""
        self.slots: list[Slot] = []
        """Every slot. Only the table changes them."""
        self._changed: list[int] = []
        self._events = 0
        self.generation = 0
        """Which start of the backend it describes."""
        self._unseated: list[Seat] = []
        self._unseen = 0
        self._asks_again = False
        self._has_begun = False
        self._newest = -1
        self._count = 0
        self.reaches = reaches or Reaches()
        self._seen: dict[str, None] = {}
        self._ram = RamCopies(self._compare)
        self._left = LeftContents(self._ram)
        self.traits = Traits()

    def __repr__(self) -> str:
        shown = ", ".join(map(_shown, self.slots))
        return f"SlotTable([{shown}], {self.traits}, settled={self.is_settled})"

    @property
    def is_settled(self) -> bool:
        """Whether the slot of every request that runs or has run is known."""
        return not (self.has_unplaced or self._asks_again)

    @property
    def has_unplaced(self) -> bool:
        """Whether something runs of which we do not know the slot."""
        return bool(self._unseated or self._unseen)

    @property
    def is_running(self) -> bool:
        """Whether something runs, as far as we know."""
        return self.has_unplaced or any(slot.is_busy for slot in self.slots)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing runs, as far as we know."""
        return not (self.is_running or self._asks_again)

    @property
    def is_fresh(self) -> bool:
        """Whether no request has come since the backend started, as far as we know."""
        return not self._has_begun

    @property
    def events(self) -> int:
        """Counts requests sent and ended: a reading of `/slots` belongs to one such moment."""
        return self._events

    def follow(self, generation: int) -> None:
        """Forget what an earlier start of the backend held, if this is another one. We assume that it treats
        idle slots as before until we see otherwise: nearly always it was started by the same command.
        """
        if generation != self.generation:
            self.generation = generation
            self.forget()

    def forget(self) -> None:
        """Begin anew, with the first reading that comes."""
        self.slots, self._changed = [], []
        self._unseated.clear()
        self._seen.clear()
        self._ram.clear()
        self._left.clear()
        self._asks_again = False
        self._has_begun = False
        self._newest = -1

    def _begin(self, states: Sequence[SlotState]) -> None:
        """The first reading of the slots: who used them before is not known."""
        self.slots = [
            as_seen(Slot(s.id), s) if s.tokens or s.is_busy else Slot(s.id, 0, s.task)
            for s in states
        ]
        self._changed = [self._events for _ in self.slots]
        self._newest = max((s.task for s in states if s.task is not None), default=-1)
        if len(states) != self._count:
            self._count = len(states)
            self.traits = Traits()

    def remembers(self, wish: Wish) -> Wish:
        """The wish, with what this start of the backend has read of its conversation, in slots or RAM cache."""
        copied = self._ram.tokens(wish)
        return replace(
            wish,
            was_here=wish.conversation in self._seen,
            in_ram=copied is not None,
            recall_tokens=0 if wish.is_side else copied or 0,
        )

    @property
    def left(self) -> Sequence[Content]:
        """What the latest conversations have left in slots since this start; the RAM cache may have it."""
        return tuple(self._left)

    def take(self, wish: Wish, prompt: Prompt, turns: int, decide: Decide) -> Seat:
        """Choose a slot for a request that is about to be sent, and mark it busy."""
        self._events += 1
        self._has_begun = True
        is_compared = len(self.slots) > 1 or wish.opening is not None or wish.recall_tokens > 0
        shares = self.shares(prompt, wish.opening) if is_compared else {}
        if self.is_settled or len(self.slots) <= 1:
            choice = decide(wish, self.slots, shares, self.traits)
        else:
            choice = SlotChoice(None, "not known what a slot holds")
        if choice.start is not None:
            self._started()
        only = 0 if len(self.slots) == 1 and not self.slots[0].is_busy else None
        slot = choice.slot if choice.slot is not None else only
        seat = Seat(choice, slot, wish, prompt, turns, began=self._events)
        if slot is not None:
            seat.share = shares.get(slot) or self._share(slot, prompt)
            self._sit(seat, slot)
        elif self.slots:
            self._unseated.append(seat)
        return seat

    def _started(self) -> None:
        """A task of one token is about to run: the server copies what idle slots hold to its RAM cache."""
        for slot in self.slots:
            if slot.content is not None and not slot.is_busy:
                self._ram.saved(slot.content)

    def shares(self, prompt: Prompt, opening: Offer | None = None) -> Mapping[int, Share]:
        """How much of a prompt each idle slot holds. `opening`: the saved one that the prompt begins with."""
        shares = {
            slot.id: _opening_share(slot.content, opening) or self._share(slot.id, prompt)
            for slot in self.slots
            if slot.content is not None and not slot.is_busy
        }
        return {number: share for number, share in shares.items() if share is not None}

    def leave(
        self,
        seat: Seat,
        stats: CacheStats,
        reply: Message | None = None,
        said: int | None = None,
    ) -> None:
        """The request has ended; the slot holds its prompt and what was generated. `said`: the slot that the
        reply names, which is believed if nothing else has used that slot since the request was sent."""
        self._events += 1
        if seat in self._unseated:
            self._unseated.remove(seat)
            if said is not None and said < len(self.slots) and self._changed[said] <= seat.began:
                seat.slot = said
            else:
                self._asks_again = True
        if seat.slot is None or seat.slot >= len(self.slots):
            return
        self._settle(seat, seat.slot, stats, reply, seat.before)

    def give_back(self, seat: Seat) -> None:
        """The request was not sent. Its slot is no longer known: a file may have been restored into it."""
        self._events += 1
        if seat in self._unseated:
            self._unseated.remove(seat)
        if seat.slot is not None and seat.slot < len(self.slots) and seat.before is not None:
            self._used(seat.slot, replace(seat.before, is_known=False, content=None))

    def unseat(self, seat: Seat, reason: str) -> None:
        """The slot chosen for a request cannot be used: before it is sent, the choice is left to the server."""
        self.give_back(seat)
        seat.slot, seat.choice = None, SlotChoice(None, reason)
        self._unseated.append(seat)

    def unseen_began(self) -> None:
        """Something runs that has no seat: a completion, another endpoint's chat."""
        self._events += 1
        self._has_begun = True
        self._unseen += 1

    def unseen_ended(self) -> None:
        """It has ended in a slot that we do not know."""
        self._events += 1
        self._unseen -= 1
        self._asks_again = True

    def read(self, states: Sequence[SlotState], events: int, ended: Sequence[Left] = ()) -> None:
        """Take in what `/slots` said, asked after so many events. `ended`: requests that have just ended, whose
        slots are looked for."""
        if not states and self.slots:
            return  # it was too busy to answer in time: nothing is learned, nothing is forgotten
        is_first = len(states) != len(self.slots)
        if is_first:
            self._begin(states)
        ran_in = self._ran_in(states, events, ended, is_first)
        self._learn(states, events)
        before = self.slots[:]
        for state in states:
            if self._changed[state.id] <= events:
                self._see(state)
        for (seat, stats, reply, _), slot in ran_in:
            seat.slot = slot
            self._settle(seat, slot, stats, reply, before[slot], states[slot].task)
        if events == self._events and not any(state.is_busy for state in states):
            self._asks_again = False

    def _see(self, state: SlotState) -> None:
        """Take in what `/slots` said of one slot. One that was cleared is in the RAM cache now."""
        before = self.slots[state.id]
        self.slots[state.id] = now = as_seen(before, state)
        is_cleared = now.content is None and not state.tokens and self.traits.keeps_idle is False
        if before.content is not None and is_cleared:
            self._ram.saved(before.content)

    def held(self, slot: int) -> Held | None:
        """The conversation that an idle slot holds; None if it holds none, or that is not known."""
        content = self.slots[slot].content if slot < len(self.slots) else None
        if content is None or content.is_side or not content.is_whole:
            return None
        return content.held

    def read_ahead(self, slot: int, tokens: int) -> None:
        """The next prompt of the conversation in this slot was read ahead, up to `tokens` in all. Nothing
        changes if a request has taken the slot since.
        """
        content = self.slots[slot].content if slot < len(self.slots) else None
        if content is not None:
            now = replace(content, held=replace(content.held, tokens=tokens))
            self.hold(slot, now, tokens)

    def hold(self, slot: int, content: Content | None, tokens: int) -> None:
        """A slot was read ahead or restored: it holds `tokens` tokens of `content`. Nothing changes if a
        request has taken it since.
        """
        if slot >= len(self.slots) or self.slots[slot].is_busy:
            return
        self._events += 1
        before = self.slots[slot]
        self._left.replaced(before, content)
        known = replace(before, tokens=tokens, content=content, task=None, is_known=True)
        self._used(slot, known)

    def _ran_in(
        self, states: Sequence[SlotState], events: int, ended: Sequence[Left], is_first: bool
    ) -> list[tuple[Left, int]]:
        """The slots of the requests that are recognised; of two that may have run in one, neither is."""
        found = [(left, self._slot_of(states, events, left.stats, is_first)) for left in ended]
        times = Counter(slot for _, slot in found)
        return [(left, slot) for left, slot in found if slot is not None and times[slot] == 1]

    def _slot_of(
        self, states: Sequence[SlotState], events: int, stats: CacheStats, is_first: bool
    ) -> int | None:
        """The slot of a request: the only one in which a later task has left as many tokens. None if there are
        several."""
        tokens = held_tokens(stats)
        places = [
            state.id
            for state in states
            if state.tokens == tokens
            and not state.is_busy
            and (is_first or state.task != self.slots[state.id].task)
            and (is_first or self._changed[state.id] <= events)
        ]
        return places[0] if len(places) == 1 else None

    def _learn(self, states: Sequence[SlotState], events: int) -> None:
        """Whether an idle slot kept its tokens while a later task was started in another one."""
        newest = max((s.task for s in states if s.task is not None), default=-1)
        if newest > self._newest >= 0:
            for state, slot in zip(states, self.slots, strict=True):
                was_idle = slot.tokens and slot.task is not None and not slot.is_busy
                if was_idle and state.task == slot.task and self._changed[slot.id] <= events:
                    self.traits = replace(self.traits, keeps_idle=bool(state.tokens))
        self._newest = max(newest, self._newest)

    def _settle(
        self,
        seat: Seat,
        slot: int,
        stats: CacheStats,
        reply: Message | None,
        before: Slot | None,
        task: int | None = None,
    ) -> None:
        """A request has ended in a slot. `before`: what that held when the request came."""
        tokens = held_tokens(stats)
        found = self._ram.found(
            None if before is None else before.content, seat, stats, self.traits
        )
        content = _content(seat, tokens, reply, found)
        if found is not None:
            self._left.taken(found.conversation)
        known = content is not None or seat.is_side
        now = Slot(slot, tokens, task, content, is_known=known and tokens is not None)
        self._used(slot, now)
        if content is not None:
            self._left.put(content)
        if not seat.is_side:
            self.traits = self._ram.came_back(seat, stats, self.traits)
            self._seen.pop(seat.conversation, None)
            self._seen[seat.conversation] = None
            if len(self._seen) > _SEEN:
                del self._seen[next(iter(self._seen))]

    def _sit(self, seat: Seat, slot: int) -> None:
        self._events += 1
        seat.slot = slot
        seat.before = before = self.slots[slot]
        if before.content is not None and is_saved_to_ram(seat.share, self.traits):
            self._ram.saved(before.content)
        self._used(slot, replace(before, is_busy=True, content=None, task=None))

    def _used(self, slot: int, now: Slot) -> None:
        self.slots[slot] = replace(now, used=self._events, is_copied=False)
        self._changed[slot] = self._events
        self.slots = [
            other
            if other.id == slot or other.is_busy or other.is_copied
            else replace(other, is_copied=True)
            for other in self.slots
        ]

    def _share(self, slot: int, prompt: Prompt) -> Share | None:
        content = self.slots[slot].content
        return None if content is None else self._compare(content, prompt)

    def _compare(self, content: Content, prompt: Prompt) -> Share | None:
        """What a content and a prompt share; None if it is only the beginning of its prompt."""
        if not content.is_whole:
            return None
        reach = self.reaches.of(content.prompt, prompt)
        is_sure = same_head(content.prompt, prompt)
        size = reach.held if is_sure else self.reaches.size(content.prompt)
        return Share(reach.characters, size, reach.total, is_sure)


def _opening_share(content: Content, opening: Offer | None) -> Share | None:
    """The whole of an opening that a slot holds, if the request begins with that one."""
    if opening is None or content.opening != opening.name:
        return None
    return Share(opening.characters, opening.characters, opening.total)


def _shown(slot: Slot) -> str:
    whose = slot.content.held.conversation if slot.content else "-"
    state = "busy" if slot.is_busy else "" if slot.is_known else "not known"
    return f"{slot.id}: {slot.tokens} of {whose} {state}".rstrip()


def _content(
    seat: Seat, tokens: int | None, reply: Message | None, taken_from: TakenFrom | None
) -> Content | None:
    if tokens is None or not seat.wish.keys:
        return None
    kept = Held(seat.conversation, seat.wish.keys, seat.wish.head, tokens)
    prompt = held(seat.prompt, reply)
    return Content(kept, prompt, seat.is_side, seat.turns, taken_from=taken_from)
