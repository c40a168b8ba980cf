"""What a turn would have cost without us: the client's own bytes, on a server that chooses its slots itself.

Two simulations of the server run beside the real one: one is given what clients sent, the other what was really
sent. The difference between what they reuse is what the repair of bytes brought; a slot that was asked for or
restored is counted by what it was known to hold. So a model that cannot go back to any token, or an eviction,
costs both the same and counts for neither.

The texts are compared in the form that templates show, and converted to tokens at the turn's own ratio: the
result is an estimate.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from warmprefix.core.explain.saving import Reach, Reaches, held
from warmprefix.core.slots.slot import LOADED_FROM, SAVED_BELOW, SIMILAR, SlotChoice, Traits
from warmprefix.core.types import CacheStats, Message, Prompt

_NOISE_TOKENS = 16

_RAM_PROMPTS = 32  # 8 GiB are some tens of long conversations


@dataclass(frozen=True, slots=True)
class Kept:
    """`direct_tokens`: what would have been processed without us; `tokens`: how many fewer really were,
    negative if it was more. `is_estimated`: False if nothing was done to the request; then `tokens` is 0."""

    direct_tokens: int
    tokens: int
    is_estimated: bool


class ServerModel:
    """The slots and the RAM cache of a llama-server that chooses for itself. Facts: docs/slots.md."""

    def __init__(self, reaches: Reaches) -> None:
        self._reaches = reaches
        self._slots: list[Prompt | None] = []
        self._used: list[int] = []
        self._turns = 0
        self._ram: list[Prompt] = []

    def begin(self, count: int) -> None:
        """The server has started again, with this many slots."""
        self._slots, self._used, self._ram = [None] * count, [0] * count, []

    def copied(self) -> "ServerModel":
        """Another one that holds the same."""
        other = ServerModel(self._reaches)
        other._slots, other._used, other._ram = self._slots[:], self._used[:], self._ram[:]
        other._turns = self._turns
        return other

    def turn(self, prompt: Prompt, reply: Message | None, traits: Traits) -> Reach:
        """How much of a prompt it holds already. After that it holds the prompt and its reply."""
        self._turns += 1
        reaches = self._reaches.of_each(self._slots, prompt)
        slot = self._chosen(reaches)
        reach, old = reaches[slot], self._slots[slot]
        has_ram = traits.has_ram is not False
        is_like = _similarity(reach) > SIMILAR
        if has_ram and not (is_like and _kept(reach, old) >= SAVED_BELOW):
            reach = self._exchanged(slot, reach, prompt)
        self._slots[slot], self._used[slot] = held(prompt, reply), self._turns
        if has_ram:
            self._save_idle(slot, is_cleared=traits.keeps_idle is False)
        return reach

    def empty(self) -> None:
        """A task of one token has run: all slots are in the RAM cache, and none holds anything of use."""
        self._save_idle(-1, is_cleared=True)

    def _chosen(self, reaches: Sequence[Reach]) -> int:
        """The slot that shares most, if that is over a tenth; otherwise the one unused for longest."""
        best = max(range(len(reaches)), key=lambda at: reaches[at].characters)
        if _similarity(reaches[best]) > SIMILAR:
            return best
        return min(range(len(reaches)), key=lambda at: self._used[at])

    def _exchanged(self, slot: int, reach: Reach, prompt: Prompt) -> Reach:
        """Move the slot's content to the RAM cache, and take the best match out of it."""
        old = self._slots[slot]
        found = zip(self._reaches.of_each(self._ram, prompt), self._ram, strict=True)
        useful = [
            (other, saved)
            for other, saved in found
            if other.characters > reach.characters and _kept(other, saved) >= LOADED_FROM
        ]
        self._remember(old)
        if not useful:
            return reach
        best, saved = max(useful, key=lambda pair: pair[0].characters)
        self._ram = [other for other in self._ram if other is not saved]
        return best

    def _save_idle(self, slot: int, *, is_cleared: bool) -> None:
        for at, content in enumerate(self._slots):
            if at != slot:
                self._remember(content)
                if is_cleared:
                    self._slots[at] = None

    def _remember(self, prompt: Prompt | None) -> None:
        if prompt is not None:
            others = [other for other in self._ram if other is not prompt]
            self._ram = [*others, prompt][-_RAM_PROMPTS:]


def _similarity(reach: Reach) -> float:
    return reach.characters / reach.total if reach.total else 0.0


def _kept(reach: Reach, old: Prompt | None) -> float:
    return 0.0 if old is None else reach.characters / max(reach.held, 1)


class Direct:
    """The two simulations of one backend. They are one as long as nothing was done to any request."""

    def __init__(self, reaches: Reaches | None = None) -> None:
        """`reaches`: shared by all that compare prompts."""
        self._theirs = self._ours = ServerModel(reaches or Reaches())
        self._about: tuple[int, int] | None = None

    def turn(
        self,
        received: Prompt,
        sent: Prompt,
        reply: Message | None,
        stats: CacheStats,
        choice: SlotChoice | None,
        about: tuple[int, int],
        traits: Traits,
    ) -> Kept | None:
        """What a turn has kept; None if the backend reported no counts. `about`: which start of the backend it
        is, and its number of slots."""
        if about != self._about:
            self._about = about
            self._ours = self._theirs
            self._theirs.begin(max(about[1], 1))
        recalls = choice is not None and choice.how == "recall"
        if self._ours is self._theirs and (recalls or not _are_same(received, sent)):
            self._ours = self._theirs.copied()
        ours = theirs = self._theirs.turn(received, reply, traits)
        if recalls:
            self._ours.empty()
        if self._ours is not self._theirs:
            ours = self._ours.turn(sent, reply, traits)
        processed, prompt_tokens = stats.processed_tokens, stats.prompt_tokens
        if processed is None or not prompt_tokens or not ours.total:
            return None
        is_same = received is sent or received == sent
        if is_same and (choice is None or not choice.shared_tokens):
            return Kept(processed, 0, is_estimated=False)
        rate = prompt_tokens / ours.total
        left, directly = ours.left * rate, theirs.left * rate
        if choice is not None and choice.shared_tokens:
            left = prompt_tokens - min(choice.shared_tokens, prompt_tokens)
        if choice is not None and choice.else_tokens is not None:
            directly = max(directly, prompt_tokens - choice.else_tokens)
        most = round(theirs.total * rate) - processed  # directly the whole prompt is read at most
        kept = min(round(directly - left), max(most, 0))
        if abs(kept) <= max(_NOISE_TOKENS, processed // 10):
            kept = 0  # the template's own text, and words that split into other tokens
        return Kept(max(processed + kept, 1), max(kept, 1 - processed), is_estimated=True)


def _are_same(received: Prompt, sent: Prompt) -> bool:
    """Whether a server that is given the one does all that it does for the other."""
    raws = (
        (one.raw, other.raw) for one, other in zip(received.messages, sent.messages, strict=False)
    )
    return received == sent and all(one == other for one, other in raws)
