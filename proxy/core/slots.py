"""Which slot a request should go to: a pure decision on a table of what the slots hold.

Facts, measured on llama-server (tools/server/server-context.cpp:1653-1790, 2613-2621, 3633): a request without
a choice goes to the slot whose prompt shares most with it, above a tenth, and cuts that slot's cache to
the shared part; a side request that shares the system prompt of a conversation therefore takes the
conversation's slot, although others are free. Choosing for one of the two does not help, for the other may be
sent to the chosen one. `id_slot` wraps modulo the number of slots. A request for a busy slot waits, although
others are idle. An empty slot that is chosen never consults the RAM prompt cache.

So every request gets a considered slot, or none; and a choice never puts two running requests in one slot.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SlotView:
    """What is known of one slot. `conversation`: whose prompt it holds; `tokens`: how much, 0 is empty;
    `is_side`: it was last used for a side request; `used`: counts up; `is_known`: False where it holds
    something that was not sent through this proxy since it started."""

    id: int
    conversation: str | None = None
    is_side: bool = False
    is_busy: bool = False
    tokens: int = 0
    used: int = 0
    is_known: bool = True


@dataclass(frozen=True, slots=True)
class Wish:
    """A request. `returns`: its conversation has had turns before; `like`: the slot whose prompt shares
    most with it, None where none shares a tenth of it; `is_branch`: it leaves its conversation at the
    beginning, and the conversation will go on."""

    conversation: str | None
    is_side: bool
    returns: bool
    like: int | None = None
    is_branch: bool = False


@dataclass(frozen=True, slots=True)
class SlotChoice:
    """The slot to ask for, None to leave it to the server, and why."""

    slot: int | None
    reason: str


def choose(wish: Wish, slots: Sequence[SlotView]) -> SlotChoice:
    """The slot for a request."""
    if not slots:
        return SlotChoice(None, "slots not known")
    if len(slots) == 1:
        return SlotChoice(None, "one slot")
    idle = [slot for slot in slots if not slot.is_busy]
    if not idle:
        return SlotChoice(None, "all slots busy")
    if wish.is_side or wish.is_branch:
        # One side request is much like another; an empty slot is better kept for a conversation.
        slot = min(idle, key=lambda slot: (not slot.is_side, slot.tokens > 0, slot.used, slot.id))
        what = "side request" if wish.is_side else "branch"
        return SlotChoice(slot.id, f"{what}, away from conversations")
    own = [slot for slot in slots if slot.conversation == wish.conversation and not slot.is_side]
    free = [slot for slot in own if not slot.is_busy]
    if free:
        return SlotChoice(max(free, key=lambda slot: slot.tokens).id, "holds this conversation")
    if own:
        return SlotChoice(_cheapest(idle).id, "its own slot is busy")
    return _without_own(wish, idle)


def _without_own(wish: Wish, idle: Sequence[SlotView]) -> SlotChoice:
    """A conversation that no slot is known to hold."""
    if not all(slot.is_known for slot in idle):
        return SlotChoice(None, "not known what a slot holds")
    alike = next((slot for slot in idle if slot.id == wish.like), None)
    if alike is not None and (alike.is_side or not wish.returns):
        return SlotChoice(alike.id, "shares its beginning")  # as the server itself would choose
    held = [slot for slot in idle if slot.tokens]
    if wish.returns and held:
        # Only a slot that holds something is exchanged with the RAM prompt cache.
        return SlotChoice(_cheapest(held).id, "may be in the RAM cache")
    return SlotChoice(_cheapest(idle).id, "least to lose")


def _cheapest(idle: Sequence[SlotView]) -> SlotView:
    """The slot whose loss costs least: an empty one, one of a side request, else the longest unused."""
    return min(idle, key=lambda slot: (slot.tokens > 0, not slot.is_side, slot.used, slot.id))
