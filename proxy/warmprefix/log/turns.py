"""Turns that have ended: they go to the log and to the watchers, and are remembered for a while."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Protocol

from warmprefix.core.turn import Turn
from warmprefix.counters import Counters
from warmprefix.guard import guard
from warmprefix.log.metrics import Metrics
from warmprefix.log.rates import Rates
from warmprefix.log.record import Record, bare_record_of, records_of
from warmprefix.log.sums import Sums
from warmprefix.log.writer import TurnLog
from warmprefix.pipeline.observe import Savings

_KEPT = 1000  # turns that the API can look back on: a long day, about a megabyte
_BEHIND = 256  # turns that a watcher may be late before it must start again


@dataclass(slots=True, eq=False)
class Place:
    """A turn's place in the log; empty until the turn is explained."""

    turn: Turn | None = None


class Listener(Protocol):
    """Is shown every turn that is logged. Its failures are counted under `reason`."""

    reason: str

    def saw(self, turn: Turn) -> None:
        """A turn is logged. May not wait."""


class Turns:
    """Where every ended turn goes."""

    def __init__(
        self,
        log: TurnLog,
        counters: Counters | None = None,
        *,
        excerpts: bool = False,
        listener: Listener | None = None,
        sums: Sums | None = None,
        observes: bool = False,
    ) -> None:
        """`observes`: the proxy only does that; then what it would have saved is summed up."""
        self._log = log
        self._listener = listener
        self._counters = counters or Counters()
        self.shows_excerpts = excerpts
        self._waiting: deque[Place] = deque()
        self._kept: deque[tuple[Record, Record]] = deque(maxlen=_KEPT)
        self._watchers: set[asyncio.Queue[Record | None]] = set()
        self.savings = Savings() if observes else None
        self.metrics = Metrics()
        self.sums = sums or Sums()
        self._rates = Rates()

    @property
    def waiting(self) -> int:
        """How many turns have ended and are not logged yet."""
        return len(self._waiting)

    def reserve(self) -> Place:
        """A place in the order of the log, for a turn that is still being explained."""
        place = Place()
        self._waiting.append(place)
        return place

    def fill(self, place: Place, turn: Turn) -> None:
        """Put a turn in its reserved place; it is logged, and so are those that waited for it."""
        place.turn = turn
        while self._waiting and (first := self._waiting[0].turn) is not None:
            self._waiting.popleft()
            self._show(first)

    def add(self, turn: Turn) -> None:
        """Log a turn and send it to the watchers, after those that came before. Never waits."""
        self.fill(self.reserve(), turn)

    def _show(self, turn: Turn) -> None:
        """The sums come first, so that a failure in them is named in the line."""
        noted = list(turn.failed_open)
        if (savings := self.savings) is not None:
            with guard(self._counters, "metrics", noted):
                savings.add(turn)
        with guard(self._counters, "metrics", noted):
            turn, direct = self._rates.directly(turn)
            self.metrics.saw(turn, direct)
            self.sums.add(turn, direct)
        if (listener := self._listener) is not None:
            with guard(self._counters, listener.reason, noted):
                listener.saw(turn)
        record, detail = self._record(turn, noted)
        with guard(self._counters, "log"):
            self._log.write(record)
        self._kept.append((record, detail))
        self._publish(record)

    def _record(self, turn: Turn, noted: list[str]) -> tuple[Record, Record]:
        with guard(self._counters, "log", noted):
            turn = replace(turn, failed_open=tuple(noted))
            return records_of(turn, excerpts=self.shows_excerpts)
        return bare_record_of(replace(turn, failed_open=tuple(noted))), {}

    def _publish(self, record: Record) -> None:
        for queue in tuple(self._watchers):
            try:
                queue.put_nowait(record)
            except asyncio.QueueFull:
                self._end(queue)

    def _end(self, queue: asyncio.Queue[Record | None]) -> None:
        self._watchers.discard(queue)
        while queue.qsize():
            queue.get_nowait()
        queue.put_nowait(None)

    def newest(self, limit: int, conversation: str | None = None) -> list[Record]:
        """Records of ended turns, newest first."""
        found = (
            record
            for record, _ in reversed(self._kept)
            if conversation is None or record["conversation"] == conversation
        )
        return [record for record, _ in zip(found, range(limit), strict=False)]

    def get(self, turn: str) -> Record | None:
        """The record of one turn, with what the log leaves out."""
        found = (record | detail for record, detail in self._kept if record["turn"] == turn)
        return next(found, None)

    async def watch(self) -> AsyncIterator[Record]:
        """Every turn that ends from now on, until the proxy stops or the watcher is too slow."""
        queue: asyncio.Queue[Record | None] = asyncio.Queue(_BEHIND)
        self._watchers.add(queue)
        try:
            while (record := await queue.get()) is not None:
                yield record
        finally:
            self._watchers.discard(queue)

    def close(self) -> None:
        """End all watching."""
        for queue in tuple(self._watchers):
            self._end(queue)
