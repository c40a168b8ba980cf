"""A running request's use of a slot. Values only; the slot table decides about them."""

from dataclasses import dataclass
from typing import NamedTuple

from warmprefix.core.slots.slot import Share, Slot, SlotChoice, Wish
from warmprefix.core.slots.snapshots import Snapshot
from warmprefix.core.types import CacheStats, Message, Prompt


@dataclass(slots=True, eq=False)
class Seat:
    """A running request's use of a slot. `slot` is None while it is unknown which one the server chose.

    `before`: the slot as it was before; `share`: how much of that the request begins with. `turns`: those of
    its conversation, this one included; `restored`: the saved file that was restored for it; `began`: how many
    events the table had counted when it was taken.
    """

    choice: SlotChoice
    slot: int | None
    wish: Wish
    prompt: Prompt
    turns: int = 1
    restored: Snapshot | None = None
    before: Slot | None = None
    share: Share | None = None
    began: int = 0

    @property
    def is_side(self) -> bool:
        """Whether the request is no part of a conversation."""
        return self.wish.is_side

    @property
    def conversation(self) -> str:
        """The conversation that the request belongs to."""
        return self.wish.conversation


class Left(NamedTuple):
    """A seat whose request has ended, and what came of it. `generation`: which start of the backend the table
    described then."""

    seat: Seat
    stats: CacheStats
    reply: Message | None
    generation: int

    def is_placed(self, generation: int) -> bool:
        """Whether its slot is known, and still that of this start."""
        return self.seat.slot is not None and self.generation == generation


class Unseen:
    """A request without a seat: it came to another endpoint, or chose its slot itself."""


class NoSeat:
    """No seat to leave: slots are not looked after, or that has failed."""


AnySeat = Seat | Unseen | NoSeat
NO_SEAT = NoSeat()


class Seated(NamedTuple):
    """A request's seat, and the body that asks for its slot."""

    seat: AnySeat
    body: bytes
