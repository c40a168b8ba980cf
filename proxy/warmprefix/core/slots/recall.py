"""When a conversation is called back from the RAM cache, because the server would not look there by itself.

A cousin (a sub-agent, a title with the same system text) has taken the conversation's slot. Less than half of
it stayed, so the server has copied it to its RAM cache. But when it comes back, most of what the cousin has in
the slot stays, so the server cuts that and does not look for the copy (`get_available_slot` in llama.cpp's
server-context.cpp: `f_keep`, b11434 and b11669, tried there). If a task of one token has run in between, no
slot shares anything with the request any more, and the server takes what fits best out of its RAM cache.

It costs that token, and what the cousin had read goes to the RAM cache too, instead of being cut.
"""

from collections.abc import Mapping, Sequence

from warmprefix.core.slots.slot import (
    LEAST_LOSS_TOKENS,
    SAVED_BELOW,
    SIMILAR,
    Share,
    Slot,
    SlotChoice,
    Traits,
    Wish,
    least_missed,
)

REASON = "called back from the RAM cache"


def recalled(
    wish: Wish,
    slots: Sequence[Slot],
    idle: Sequence[Slot],
    shares: Mapping[int, Share],
    traits: Traits,
) -> SlotChoice | None:
    """The choice for a conversation that the RAM cache has; None if the server finds it by itself, or if it is
    not known what it would do."""
    has_ram = traits.has_ram or traits.keeps_idle is False
    if not has_ram or not all(slot.is_known for slot in idle):
        return None
    shared = {slot.id: _shared_tokens(slot, shares, wish) for slot in idle}
    taken = max(idle, key=lambda slot: shared[slot.id] or 0, default=None)
    if taken is None or not _is_cut(shared[taken.id] or 0, taken, wish):
        return None
    tokens = (wish.recall_tokens, shared[taken.id])
    if len(slots) == 1 or not traits.keeps_idle:
        return SlotChoice(None, REASON, "recall", taken.id, *tokens)
    others = [slot for slot in idle if slot is not taken]
    if not others or not wish.takes_slot:
        return None
    slot = min(others, key=least_missed)
    # A slot that is named and empty does not look into the RAM cache; any task makes it hold something.
    start = slot.id if slot.is_empty else None
    return SlotChoice(slot.id, REASON, "recall", start, *tokens)


def _shared_tokens(slot: Slot, shares: Mapping[int, Share], wish: Wish) -> int | None:
    """How many tokens of the request a slot holds, by the texts or as counted; None if that is not known."""
    content, share = slot.content, shares.get(slot.id)
    if content is None:
        return 0
    if share is not None and share.is_sure:
        return round((slot.tokens or 0) * share.kept)
    if content.taken_from is not None and content.taken_from.conversation == wish.conversation:
        return content.taken_from.tokens
    return None


def _is_cut(shared: int, taken: Slot, wish: Wish) -> bool:
    """Whether the server would put the request into that slot and cut what is there, without a look into its
    RAM cache, and whether that would cost enough."""
    is_chosen = shared > SIMILAR * wish.recall_tokens
    is_kept = shared >= SAVED_BELOW * (taken.tokens or 0)
    return is_chosen and is_kept and wish.recall_tokens - shared >= LEAST_LOSS_TOKENS
