"""What each turn would have cost without us (core/explain/direct.py), on the server that answered it."""

from warmprefix.core.explain.direct import Direct
from warmprefix.core.slots.seat import NoSeat, Seat
from warmprefix.core.slots.slot import Traits
from warmprefix.pipeline.stages import Ended, Patch, Written
from warmprefix.slots.seating import RESTORING, Seating

_MOST_BYTES = 8 * 1024 * 1024
_MOST_MESSAGES = 2000
"""A turn with more is not compared: each message may have to be read for that, between the client's last event
and its next request. 2,000 take 80 ms."""


class Comparing:
    """Compares the turns of one model."""

    reason = "compare"

    def __init__(self, direct: Direct, seating: Seating | None = None) -> None:
        """`seating`: None if slots are left to the backend."""
        self._direct = direct
        self._seating = seating

    def ended(self, ended: Ended) -> Patch:
        """The tokens that the turn has kept; nothing if it failed, was not read, or is only observed."""
        request, outgoing, seat = ended.came.request, ended.outgoing, ended.seat
        written = outgoing if isinstance(outgoing, Written) else None
        if request is None or ended.status != 200 or (written and written.is_observed):
            return {}
        if len(ended.body) > _MOST_BYTES or len(request.prompt.messages) > _MOST_MESSAGES:
            return {}
        table = None if self._seating is None or isinstance(seat, NoSeat) else self._seating.table
        kept = self._direct.turn(
            request.prompt,
            written.sent if written else request.prompt,
            ended.reply.message,
            ended.stats,
            seat.choice if isinstance(seat, Seat) else None,
            # Of a table that is not kept: one slot of which nothing is known.
            (ended.generation, 1) if table is None else (table.generation, len(table.slots)),
            Traits() if table is None else table.traits,
        )
        if kept is not None and written and written.restored and self._seating is not None:
            self._seating.judge(RESTORING, kept.tokens)
        return {"kept": kept}
