"""What `/slots` says of a slot, against what is remembered of it."""

from dataclasses import replace

from warmprefix.core.slots.choice import LEAST_LOSS_TOKENS, Slot
from warmprefix.core.slots.state import SlotState


def as_seen(slot: Slot, state: SlotState) -> Slot:
    """A slot that nothing of ours has touched since `/slots` was asked."""
    tokens = state.tokens or 0
    if slot.is_busy:  # it has ended by now, or it is somebody else's
        return slot
    if state.is_busy:
        return replace(slot, is_known=False, content=None, task=None, tokens=None)
    is_same = slot.tokens == tokens and slot.task in (None, state.task)
    if is_same:
        return replace(slot, task=state.task)
    if state.task is None and slot.task is None and slot.tokens and not tokens:
        return slot  # restored into a slot that was never used: `/slots` has no count of it
    is_known = tokens < LEAST_LOSS_TOKENS  # so little is nothing to anybody
    return replace(slot, tokens=tokens, task=state.task, content=None, is_known=is_known)
