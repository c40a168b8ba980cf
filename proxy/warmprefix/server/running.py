"""Requests that are not answered yet: our pages show them, and the operator reads of a prompt that takes long.

A request costs an entry in a table and nothing else; what is shown is put together when somebody asks.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from warmprefix.core.reading import Running, estimated_tokens, words_of
from warmprefix.core.title import title_of
from warmprefix.counters import Counters
from warmprefix.guard import guard
from warmprefix.pipeline.stages import Written
from warmprefix.server.exchange import Exchange

logger = logging.getLogger(__name__)

FIRST_S = 10.0
"""A prompt that is read for so long is worth a line; the next ones come after twice as long each."""

_LOOK_S = 5.0


class RunningRequests:
    """The requests of intercepted endpoints that run now. `clock`: the monotonic one."""

    def __init__(self, counters: Counters, clock: Callable[[], float] = time.perf_counter) -> None:
        self._counters = counters
        self.clock = clock
        self._exchanges: dict[Exchange, float] = {}  # with the age at which its next line is due
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, exchange: Exchange) -> None:
        """A request has come."""
        self._exchanges[exchange] = FIRST_S
        if self._timer is None:
            self._look_later()

    def end(self, exchange: Exchange) -> None:
        """It has ended. May be called twice."""
        self._exchanges.pop(exchange, None)

    def all(self) -> list[Running]:
        """Every request that runs, the oldest first."""
        return [self._running(exchange) for exchange in self._exchanges]

    def stop(self) -> None:
        """Say nothing more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_LOOK_S, self.look)

    def look(self) -> None:
        """A line for each prompt that takes long. Then this is called again later, as long as requests run."""
        for exchange, due_s in self._exchanges.items():
            with guard(self._counters, "running"):
                if self._age_s(exchange) >= due_s and (running := self._running(exchange)).is_read:
                    self._exchanges[exchange] = 2 * running.elapsed_s
                    logger.info("%s", words_of(running))
        self._timer = None
        if self._exchanges:
            self._look_later()

    def _age_s(self, exchange: Exchange) -> float:
        return self.clock() - exchange.arrival.clock_s

    def _running(self, exchange: Exchange) -> Running:
        came, outgoing = exchange.came, exchange.outgoing
        prompt = came.request.prompt if came.request is not None else None
        return Running(
            turn=came.turn,
            conversation=outgoing.place.conversation if isinstance(outgoing, Written) else None,
            client=came.client.client,
            endpoint=came.endpoint,
            model=came.model,
            title=title_of(prompt) if prompt is not None else None,
            backend=exchange.backend,
            started_s=exchange.arrival.unix_s,
            elapsed_s=self._age_s(exchange),
            state=exchange.state,
            estimated_tokens=estimated_tokens(prompt) if prompt is not None else None,
            progress=exchange.progress,
        )
