"""What the slots of a backend hold, as far as the proxy sent it there, and who runs in them."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from proxy.core.slots import SlotChoice, SlotView, Wish, choose
from proxy.core.types import CacheStats, Prompt
from proxy.core.wire import write_message

_ALIKE = 0.1
"""llama-server's --slot-prompt-similarity: a slot that shares less than this of a prompt is not preferred."""


@dataclass(slots=True, eq=False)
class Seat:
    """A running request's place. `slot` is None while nobody knows where the server put it."""

    choice: SlotChoice
    slot: int | None
    conversation: str | None
    is_side: bool
    keys: tuple[bytes, ...]
    head: int


class SlotKeeper:
    """The slots of one backend. It forgets all when the backend has started anew."""

    def __init__(self) -> None:
        self._views: list[SlotView] = []
        self._keys: list[tuple[tuple[bytes, ...], int]] = []
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
            self._keys = [((), 0) for _ in self._views]
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
        head = _head(prompt)
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

    def views(self) -> Sequence[SlotView]:
        """What is known of each slot."""
        return tuple(self._views)

    def _sit(self, seat: Seat, slot: int) -> None:
        self._used += 1
        seat.slot = slot
        self._keys[slot] = (seat.keys, seat.head)
        self._views[slot] = SlotView(
            slot,
            seat.conversation,
            seat.is_side,
            True,
            max(self._views[slot].tokens, 1),
            self._used,
        )

    def _like(self, keys: tuple[bytes, ...], head: int, prompt: Prompt) -> int | None:
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


def _head(prompt: Prompt) -> int:
    """What templates render before the messages, as a number to compare within this process."""
    tools = tuple(tool.definition for tool in prompt.tools or ())
    return hash((tools, tuple(prompt.template_options.items())))
