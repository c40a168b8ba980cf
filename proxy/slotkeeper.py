"""What the slots of a backend hold, as far as the proxy sent it there, and who runs in them."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

from proxy.core.slots import SlotChoice, SlotView, Wish, choose
from proxy.core.snapshots import Held
from proxy.core.types import CacheStats, Prompt
from proxy.core.wire import write_message

_ALIKE = 0.1
"""llama-server's --slot-prompt-similarity: a slot that shares less than this of a prompt is not preferred."""


@dataclass(slots=True, eq=False)
class Seat:
    """A running request's place. `slot` is None while nobody knows where the server put it.

    `before`: what is known of the slot as it was found; `held`: the conversation in it then, where all of
    it is known; `shared`: leading messages that the request shares with it; `is_sure`: the slot did get
    what was sent there, which one whose last request broke off may not have.
    """

    choice: SlotChoice
    slot: int | None
    conversation: str | None
    is_side: bool
    keys: tuple[bytes, ...]
    head: bytes
    before: SlotView | None = None
    held: Held | None = None
    shared: int = 0
    is_sure: bool = False


class SlotKeeper:
    """The slots of one backend. It forgets all when the backend has started anew."""

    def __init__(self) -> None:
        self._views: list[SlotView] = []
        self._keys: list[tuple[tuple[bytes, ...], bytes]] = []
        self._held: list[Held | None] = []
        self._sure: list[bool] = []
        self._generation = 0
        self._used = 0
        self._unplaced: deque[Seat] = deque()

    def __repr__(self) -> str:
        return f"SlotKeeper({self._views})"

    def know(self, tokens: Sequence[int], generation: int) -> None:
        """How many tokens each slot holds, and which start of the backend says so.

        What was known is kept as long as the backend runs and has as many slots.
        """
        if generation != self._generation or len(tokens) != len(self._views):
            self._generation = generation
            self._views = [
                SlotView(at, tokens=held, is_known=held == 0) for at, held in enumerate(tokens)
            ]
            self._keys = [((), b"") for _ in self._views]
            self._held = [None for _ in self._views]
            self._sure = [view.is_known for view in self._views]
            self._unplaced.clear()

    def take(
        self,
        conversation: str | None,
        keys: tuple[bytes, ...],
        prompt: Prompt,
        *,
        is_side: bool,
        is_branch: bool,
        returns: bool,
    ) -> Seat:
        """Choose a slot for a request and mark it busy."""
        head = head_of(prompt)
        like = self._like(keys, head, prompt)
        wish = Wish(conversation, is_side, returns, like, is_branch)
        choice = choose(wish, self._views)
        slot = 0 if len(self._views) == 1 and not self._views[0].is_busy else choice.slot
        seat = Seat(choice, slot, conversation, is_side or is_branch, keys, head)
        if slot is not None:
            self._sit(seat, slot)
        elif self._views:
            self._unplaced.append(seat)
        return seat

    def leave(self, seat: Seat, stats: CacheStats) -> None:
        """The request has ended; the slot holds its prompt and what was generated."""
        if seat in self._unplaced:
            self._unplaced.remove(seat)
        if seat.slot is None or seat.slot >= len(self._views):
            return
        held = (stats.prompt_tokens or 0) + (stats.generated_tokens or 0)
        view = self._views[seat.slot]
        self._views[seat.slot] = replace(view, is_busy=False, tokens=held or view.tokens)
        self._held[seat.slot] = _held_by(seat, stats)
        self._sure[seat.slot] = stats.prompt_tokens is not None
        if (
            self._unplaced and self._is_full()
        ):  # the server lets the first that waits into the slot that is free
            self._sit(self._unplaced.popleft(), seat.slot)

    def learn(self, seat: Seat, stats: CacheStats, tokens: Sequence[int]) -> None:
        """Find the slot that an unplaced request ended in, by the tokens that slots hold now.

        A slot holds prompt and reply but for the last token (server-context.cpp: `tokens_cached`).
        """
        ended = (stats.prompt_tokens or 0) + (stats.generated_tokens or 0) - 1
        places = [at for at, held in enumerate(tokens) if held == ended]
        if seat.slot is None and len(places) == 1 and len(tokens) == len(self._views):
            self._sit(seat, places[0])
            self.leave(seat, stats)

    def _is_full(self) -> bool:
        return sum(not view.is_busy for view in self._views) <= 1

    def read_ahead(self, slot: int, tokens: int) -> None:
        """The coming prompt of the conversation in this slot was evaluated: it holds so many tokens.

        Nothing to know where a request has taken the slot meanwhile.
        """
        if slot >= len(self._views) or self._views[slot].is_busy:
            return
        self._views[slot] = replace(self._views[slot], tokens=tokens)
        held = self._held[slot]
        self._held[slot] = None if held is None else replace(held, tokens=tokens)

    def hold(self, slot: int, held: Held, *, is_whole: bool) -> None:
        """A conversation was read again in this slot: it holds so many tokens of it, all or the beginning.

        Nothing to know where a request has taken the slot meanwhile.
        """
        if slot >= len(self._views) or self._views[slot].is_busy:
            return
        self._used += 1
        self._views[slot] = SlotView(slot, held.conversation, tokens=held.tokens, used=self._used)
        self._keys[slot] = (held.keys, held.head)
        self._held[slot] = held if is_whole else None
        self._sure[slot] = is_whole

    def views(self) -> Sequence[SlotView]:
        """What is known of each slot."""
        return tuple(self._views)

    def held(self, slot: int) -> Held | None:
        """The conversation that an idle slot holds, where all of it is known."""
        return self._held[slot] if slot < len(self._held) else None

    def _sit(self, seat: Seat, slot: int) -> None:
        self._used += 1
        seat.slot = slot
        seat.before, seat.held = self._views[slot], self._held[slot]
        seat.is_sure = self._sure[slot]
        keys, head = self._keys[slot]
        seat.shared = _shared(seat.keys, keys) if head == seat.head else 0
        self._held[slot] = None
        self._keys[slot] = (seat.keys, seat.head)
        self._views[slot] = SlotView(
            slot,
            seat.conversation,
            seat.is_side,
            True,
            max(self._views[slot].tokens, 1),
            self._used,
        )

    def _like(self, keys: tuple[bytes, ...], head: bytes, prompt: Prompt) -> int | None:
        """The slot whose prompt shares the longest beginning with this one, if more than a tenth of it."""
        best, longest = None, 0
        for slot, (held, held_head) in enumerate(self._keys):
            shared = _shared(keys, held) if head == held_head else 0
            if shared > longest:
                best, longest = slot, shared
        if best is None:
            return None
        sizes = [len(write_message(message)) for message in prompt.messages]
        return best if sum(sizes[:longest]) > _ALIKE * sum(sizes) else None


def _shared(one: Sequence[bytes], other: Sequence[bytes]) -> int:
    """Leading messages that two histories share. Each key names all before it: the last one decides."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[middle - 1] == other[middle - 1]:
            low = middle
        else:
            high = middle - 1
    return low


def _held_by(seat: Seat, stats: CacheStats) -> Held | None:
    """What a request has left in its slot; None where the backend did not say how much."""
    if seat.is_side or seat.conversation is None or not seat.keys:
        return None
    if stats.prompt_tokens is None or stats.generated_tokens is None:
        return None
    tokens = stats.prompt_tokens + stats.generated_tokens - 1
    return Held(seat.conversation, seat.keys, seat.head, tokens)


def head_of(prompt: Prompt) -> bytes:
    """Digest of what templates render before the messages: tools and options."""
    state = blake2b(digest_size=16)
    tools = (tool.definition for tool in prompt.tools or ())
    options = (
        part for name, raw in prompt.template_options.items() for part in (name.encode(), raw)
    )
    for part in (b"tools", *tools, b"options", *options):
        state.update(len(part).to_bytes(8, "little") + part)
    return state.digest()
