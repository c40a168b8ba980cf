"""The one place where a reply's bytes may be changed, walled: if that fails, they go on as they came."""

from warmprefix.counters import Counters
from warmprefix.dialects.base import ReplyIds
from warmprefix.guard import guard


class Renamed:
    """A reply with its tool-call ids made unique (dialects/chat_ids.py), as far as that goes well."""

    def __init__(self, ids: ReplyIds, counters: Counters, noted: list[str]) -> None:
        self._ids = ids
        self._counters = counters
        self._noted = noted
        self._failed = False

    def body(self, body: bytes) -> bytes:
        """A whole reply."""
        with guard(self._counters, "call-ids", self._noted):
            return self._ids.body(body)
        return body

    def piece(self, piece: bytes) -> bytes:
        """What can be passed on of a stream after `piece`."""
        if self._failed:
            return piece
        held = self._ids.held
        with guard(self._counters, "call-ids", self._noted):
            return self._ids.piece(piece)
        self._failed = True
        return held + piece

    def end(self) -> bytes:
        """What was held back when the stream ends."""
        return b"" if self._failed else self._ids.held
