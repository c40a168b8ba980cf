"""Where a running request stands among the slots. Values; what they say is decided in the slot table."""

from dataclasses import dataclass
from typing import NamedTuple

from warmprefix.core.slots.choice import Share, Slot, SlotChoice, Wish
from warmprefix.core.slots.snapshots import Snapshot
from warmprefix.core.types import Prompt


@dataclass(slots=True, eq=False)
class Seat:
    """A running request's place. `slot` is None while nobody knows where the server put it.

    `before`: the slot as it was found; `share`: how much of that the request begins with. `turns`: of its
    conversation, this one counted; `restored`: from a file.
    """

    choice: SlotChoice
    slot: int | None
    wish: Wish
    prompt: Prompt
    turns: int = 1
    restored: Snapshot | None = None
    before: Slot | None = None
    share: Share | None = None

    @property
    def is_side(self) -> bool:
        """Whether it is no part of a conversation."""
        return self.wish.is_side

    @property
    def conversation(self) -> str:
        """Whose turn it is."""
        return self.wish.conversation


class Unseen:
    """A request that is not placed: another endpoint's, or one that chose its slot itself."""


class NoSeat:
    """Nobody looks after slots, or that has failed: nothing is to be left."""


AnySeat = Seat | Unseen | NoSeat
NO_SEAT = NoSeat()


class Seated(NamedTuple):
    """A request's seat, and the body that asks for it."""

    seat: AnySeat
    body: bytes
