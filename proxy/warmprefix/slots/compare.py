"""What each turn would have cost without us (core/explain/direct.py), on the server that answered it."""

from warmprefix.core.slots.seat import Seat
from warmprefix.pipeline.stages import Ended, Patch, Written
from warmprefix.slots.seatings import NoSeatings, Seatings

_MOST_BYTES = 8 * 1024 * 1024
_MOST_MESSAGES = 2000
"""A turn with more is not compared: each message may have to be read for that, between the client's last event
and its next request. 2,000 take 80 ms."""


class Comparing:
    """Compares the turns of one backend."""

    reason = "compare"

    def __init__(self, seatings: Seatings | NoSeatings) -> None:
        self._seatings = seatings

    def ended(self, ended: Ended) -> Patch:
        """The tokens that the turn has kept; nothing if it failed, was not read, or is only observed."""
        request, outgoing, seat = ended.came.request, ended.outgoing, ended.seat
        written = outgoing if isinstance(outgoing, Written) else None
        if request is None or ended.status != 200 or (written and written.is_observed):
            return {}
        if len(ended.body) > _MOST_BYTES or len(request.prompt.messages) > _MOST_MESSAGES:
            return {}
        server = self._seatings.server(ended)
        kept = server.direct.turn(
            request.prompt,
            written.sent if written else request.prompt,
            ended.reply.message,
            ended.stats,
            seat.choice if isinstance(seat, Seat) else None,
            server.about,
            server.traits,
        )
        if kept is not None and written and written.restored:
            self._seatings.restored(ended, kept.tokens)
        return {"kept": kept}
