"""What `/slots` says of a slot, compared with what is remembered of it."""

from dataclasses import replace

from warmprefix.core.slots.slot import LEAST_LOSS_TOKENS, Slot
from warmprefix.core.slots.state import SlotState


def as_seen(slot: Slot, state: SlotState) -> Slot:
    """A slot after a reading of `/slots`. No request of ours may have touched it since that was asked."""
    tokens = state.tokens or 0
    if slot.is_busy:  # a request that has ended by now, or not one of ours
        return slot
    if state.is_busy:
        return replace(slot, is_known=False, content=None, task=None, tokens=None)
    is_same = slot.tokens == tokens and slot.task in (None, state.task)
    if is_same:
        return slot if slot.task == state.task else replace(slot, task=state.task)
    if state.task is None and slot.task is None and slot.tokens and not tokens:
        return slot  # restored from a file into a slot that was never used: `/slots` does not count that
    is_known = tokens < LEAST_LOSS_TOKENS  # so few tokens are as good as none
    return replace(slot, tokens=tokens, task=state.task, content=None, is_known=is_known)
