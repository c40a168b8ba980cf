"""Which slot a request should go to: a pure decision on what the slots are proven to hold.

Facts (llama.cpp b11434 and b11669, tools/server/server-context.cpp, `get_available_slot`, and
server-task.cpp, `server_prompt_cache::load`; tried on the real server):

- Without `id_slot` a request goes to the idle slot whose tokens share the longest beginning with it, if that
  is over a tenth of the request; otherwise to the one unused for longest. What the slot holds beyond the
  shared part is cut.
- What is cut is saved to the RAM cache first if less than half of it stays, and the best that is there is
  loaded instead. If half or more stays, it is cut without a copy.
- Into an empty slot that is asked for by `id_slot`, nothing is loaded from the RAM cache. If the slot holds
  something else, the RAM cache is searched.
- Whenever a task starts, idle slots are copied to the RAM cache; with a unified KV cache they are emptied
  too.

So with a unified KV cache the server is right by itself. With a KV cache for each slot it loses one thing: the
end of a conversation of which a newcomer (a title, a fork, an agent with the same head) shares half or more.
That newcomer is given a slot of its own if that costs less in sum; it costs nothing at all if the RAM cache
gives it a copy.
"""

from collections.abc import Mapping, Sequence

from warmprefix.core.slots.openings import Offer
from warmprefix.core.slots.recall import recalled
from warmprefix.core.slots.slot import (
    LEAST_LOSS_TOKENS,
    NOTHING,
    SAVED_BELOW,
    SIMILAR,
    Content,
    Share,
    Slot,
    SlotChoice,
    Traits,
    Wish,
    least_missed,
)
from warmprefix.core.slots.snapshots import is_evicted, is_worth

STAKE = 2.0
"""Without a copy, a detour must be expected to keep this many tokens for each one that it costs: whether a
conversation comes back is a guess."""


def choose(
    wish: Wish, slots: Sequence[Slot], shares: Mapping[int, Share], traits: Traits
) -> SlotChoice:
    """The slot for a request. `shares`: of each idle slot that holds something, by its number."""
    idle = [slot for slot in slots if not slot.is_busy]
    if wish.recall_tokens and (found := recalled(wish, slots, idle, shares, traits)):
        return found
    if wish.saved_tokens and (found := _restored(wish, slots, idle, shares, traits)):
        return found
    if wish.opening and (found := _opened(wish, wish.opening, slots, idle, shares, traits)):
        return found
    if not wish.takes_slot:
        return SlotChoice(None, "this endpoint takes no slot")
    if reason := _left_to_the_server(slots, idle, traits):
        return SlotChoice(None, reason)
    own = [slot for slot in idle if slot.content is not None and goes_on(slot.content, wish)]
    if own:
        slot = max(own, key=lambda slot: slot.tokens or 0)
        tokens = slot.tokens or 0
        return SlotChoice(slot.id, "holds this conversation", "own", shared_tokens=tokens)
    if not all(slot.is_known for slot in idle):
        return SlotChoice(None, "not known what a slot holds")
    best = max(idle, key=lambda slot: shares.get(slot.id, NOTHING).shared)
    share = shares.get(best.id, NOTHING)
    if best.content is None or share.similarity <= SIMILAR:
        return _unlike_any(wish, idle, shares, traits)
    return _protected(wish, best, idle, shares, traits)


def _restored(
    wish: Wish,
    slots: Sequence[Slot],
    idle: Sequence[Slot],
    shares: Mapping[int, Share],
    traits: Traits,
) -> SlotChoice | None:
    """The slot for a saved conversation that no slot holds; None if one holds it, or as much of the request as
    the file has, or if that is not known.

    The server chooses that slot by itself: it is the only one, or was empty, and then holds more of the prompt
    than any other. It is asked for by number only if idle slots keep what they hold and the endpoint takes one.
    """
    if wish.in_ram:
        return None
    if _is_held(wish, slots) or not idle or not all(slot.is_known for slot in idle):
        return None
    if len(slots) == 1:
        return SlotChoice(None, "one slot", into=idle[0].id)
    held = max(held_tokens(slot, shares.get(slot.id, NOTHING)) for slot in idle)
    if not is_worth(wish.saved_tokens, wish.saved_tokens - held):
        return None
    slot = min(idle, key=least_missed)
    if traits.keeps_idle and wish.takes_slot:
        return SlotChoice(slot.id, "least to lose", "cut", into=slot.id)
    if slot.is_empty and not wish.was_here:
        return SlotChoice(None, "the server finds what was restored", into=slot.id)
    return None


def _opened(
    wish: Wish,
    opening: Offer,
    slots: Sequence[Slot],
    idle: Sequence[Slot],
    shares: Mapping[int, Share],
    traits: Traits,
) -> SlotChoice | None:
    """The slot for a request that begins with a saved opening; None if it needs none, or if that is not known.

    The opening is restored if no slot and no RAM cache holds nearly as much of the request, or if the slot that
    does holds a conversation that would be cut.
    """
    if not idle or not all(slot.is_known for slot in idle) or _is_held(wish, slots):
        return None
    best = max(idle, key=lambda slot: _shared(slot, shares))
    share, may_name = shares.get(best.id, NOTHING), bool(traits.keeps_idle) and wish.takes_slot
    if best.content is not None and best.content.opening and may_name:
        return SlotChoice(best.id, "holds its opening", "opening", shared_tokens=opening.tokens)
    left = 1 - (0.0 if opening.is_whole else min(share.shared / opening.characters, 1.0))
    is_missing = is_worth(opening.tokens, round(opening.tokens * left)) and not opening.is_elsewhere
    if len(slots) == 1:
        slot = idle[0].id
        return SlotChoice(None, "one slot", "opening", into=slot) if is_missing else None
    empty = next((slot for slot in idle if slot.is_empty), None)
    if may_name and is_missing:
        slot = min(idle, key=least_missed).id
        return SlotChoice(slot, "least to lose", "opening", into=slot)
    if may_name and empty is not None and _would_cut(wish, best, share, traits):
        return SlotChoice(empty.id, "away from a conversation", "opening", into=empty.id)
    is_chosen = opening.characters > opening.total * SIMILAR
    if is_missing and empty is not None and is_chosen:
        return SlotChoice(None, "the server finds what was restored", "opening", into=empty.id)
    return None


def _is_held(wish: Wish, slots: Sequence[Slot]) -> bool:
    return any(slot.content is not None and goes_on(slot.content, wish) for slot in slots)


def _shared(slot: Slot, shares: Mapping[int, Share]) -> tuple[int, bool]:
    """Orders slots by what they share with a request; of equal ones an opening is the better, as nothing is
    cut there."""
    is_opening = slot.content is not None and bool(slot.content.opening)
    return shares.get(slot.id, NOTHING).shared, is_opening


def _would_cut(wish: Wish, taken: Slot, share: Share, traits: Traits) -> bool:
    """Whether the request would cut another's conversation in the slot that shares most, and the server would
    not save it."""
    is_loss = lost_tokens(taken, share) >= LEAST_LOSS_TOKENS
    return is_loss and is_others(taken, wish) and not _is_saved_by_the_server(share, traits)


def _left_to_the_server(slots: Sequence[Slot], idle: Sequence[Slot], traits: Traits) -> str:
    """Why nothing is chosen; empty if something can be."""
    if not slots:
        return "slots not known"
    if len(slots) == 1:
        return "one slot"
    if traits.keeps_idle is None:
        return "not seen yet whether idle slots keep what they hold"
    if not traits.keeps_idle:
        return "the server saves and clears idle slots itself"
    return "" if idle else "all slots busy"


def goes_on(content: Content, wish: Wish) -> bool:
    """Whether a request goes on from the whole prompt that a slot was given."""
    return not is_evicted(content.held, wish.keys, wish.head)


def _unlike_any(
    wish: Wish, idle: Sequence[Slot], shares: Mapping[int, Share], traits: Traits
) -> SlotChoice:
    """The choice for a request that shares little with any slot: the server takes the one unused for longest.

    Without a RAM cache, what that slot holds is lost unless it is saved first.
    """
    is_sure = all(shares.get(slot.id, NOTHING).is_sure for slot in idle)
    if wish.can_save and is_sure and traits.has_ram is False:
        slot = min(idle, key=least_missed)
        return SlotChoice(slot.id, "shares little with any slot", "cut")
    return SlotChoice(None, "shares little with any slot")


def _protected(
    wish: Wish,
    taken: Slot,
    idle: Sequence[Slot],
    shares: Mapping[int, Share],
    traits: Traits,
) -> SlotChoice:
    """The choice for a request that the server would put into `taken`, which holds something else."""
    share = shares[taken.id]
    lost = lost_tokens(taken, share)
    if lost < LEAST_LOSS_TOKENS or _is_saved_by_the_server(share, traits):
        return SlotChoice(None, "costs the slot's conversation little")
    branches = leaves_branch(taken, share, wish)
    if not is_others(taken, wish) and not branches:
        # What an edit leaves behind rarely comes back. And the RAM cache may have older copies of such a
        # conversation and load one of them: it prefers what stays whole to what is longer.
        return SlotChoice(None, "nothing is lost that will be asked for")
    if wish.can_save:
        return SlotChoice(taken.id, "shares its beginning with what is saved first", "cut")
    others = [slot for slot in idle if slot.id != taken.id]
    apart = [slot for slot in others if _is_apart(shares.get(slot.id, NOTHING))]
    if not apart:
        return SlotChoice(None, "no other slot is free for it")
    shared = held_tokens(taken, share)
    if traits.has_ram:
        slot = min(apart, key=least_missed)
        start = slot.id if slot.is_empty or not taken.is_copied else None
        reason = "a copy from the RAM cache, away from a conversation"
        return SlotChoice(slot.id, reason, "copy", start, shared)
    empty = [slot for slot in apart if slot.is_empty or slot.is_side]
    if branches and empty:
        slot = min(empty, key=least_missed)
        return SlotChoice(slot.id, "away from another branch of its conversation", "apart")
    # Only a side request is sure to leave the conversation as it is: a fork may be how it goes on.
    if wish.is_side and empty and lost * _returns(taken) >= shared * STAKE:
        slot = min(empty, key=least_missed)
        return SlotChoice(slot.id, "away from a conversation", "apart")
    return SlotChoice(None, "costs less in the slot it shares most with")


def held_tokens(slot: Slot, share: Share) -> int:
    """How much of a request a slot holds."""
    return round((slot.tokens or 0) * share.kept) if share.shared else 0


def lost_tokens(slot: Slot, share: Share) -> int:
    """What a slot's conversation loses if the request takes the slot."""
    return round((slot.tokens or 0) * (1 - share.kept))


def is_others(slot: Slot, wish: Wish) -> bool:
    """Whether a slot holds a conversation other than that of the request."""
    content = slot.content
    if content is None or content.is_side:
        return False
    return wish.is_side or content.held.conversation != wish.conversation


def leaves_branch(slot: Slot, share: Share, wish: Wish) -> bool:
    """Whether the request leaves its own conversation in the middle, and what it leaves there shall stay. One
    that the slot holds whole only asks for another reply."""
    is_own = slot.content is not None and slot.content.held.conversation == wish.conversation
    return wish.keeps_branches and is_own and not wish.is_side and share.shared < share.total


def _is_apart(share: Share) -> bool:
    return share.is_sure and share.similarity <= SIMILAR


def _is_saved_by_the_server(share: Share, traits: Traits) -> bool:
    return share.kept < SAVED_BELOW and traits.has_ram is not False


def is_saved_to_ram(share: Share | None, traits: Traits) -> bool:
    """Whether the server saves what a request cuts, since less than half of it stays. It is taken to have a RAM
    cache until it is seen to have none: if that is wrong, it costs once what it would cost without us."""
    is_cut = share is not None and share.is_sure and share.kept < SAVED_BELOW
    return is_cut and traits.has_ram is not False


def _returns(slot: Slot) -> float:
    """How likely the conversation in a slot is to go on: more so with each turn that it has had."""
    assert slot.content is not None  # it holds another conversation
    return 1 - 1 / (slot.content.turns + 1)
