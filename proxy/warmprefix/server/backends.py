"""The backends as they run: how each is, what it answers now, and which conversations it has. core/routing.py
decides which one a request goes to. A single backend gets every request, whether it is there or not; it is
watched only so that the operator reads when it goes and when it is back.
"""

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from warmprefix.backends.probe import Silence
from warmprefix.config import NamedBackend
from warmprefix.core.errors import BackendError, Disconnected, Unreachable
from warmprefix.core.routing import BackendView, Route, route
from warmprefix.guard import guard
from warmprefix.pipeline.stages import Passed, Placed
from warmprefix.server.parts import Parts
from warmprefix.tasks import Tasks

logger = logging.getLogger(__name__)

_CHECK_S = (
    3.0  # requests notice a failure at once; a backend that is back is used at most this much later
)
_RETURN_S = 1.0  # an operator reads that it is back; requests do not wait for that
_HOMES = 10_000  # conversations whose backend is remembered, about a megabyte

Answer = TypeVar("Answer")


@dataclass(slots=True, eq=False)
class Backend:
    """One backend. `running`: requests that it answers now."""

    settings: NamedBackend
    parts: Parts
    is_healthy: bool = True
    running: int = 0
    is_draining: bool = False

    def view(self) -> BackendView:
        """The facts that a choice depends on."""
        about = self.settings
        return BackendView(
            about.name, about.models, about.weight, self.is_healthy, self.running, self.is_draining
        )


class Backends:
    """All backends, in the order of the settings. Make it inside the running event loop."""

    def __init__(self, backends: Sequence[Backend], tasks: Tasks, check_s: float = 0.0) -> None:
        """`check_s`: how often a single backend is asked whether it is there; 0: never."""
        self.all = tuple(backends)
        self.are_several = len(self.all) > 1
        """Whether there is a choice."""
        self._only = None if self.are_several else route(None, None, [self.all[0].view()])
        """The way of every request if there is no choice."""
        self._by_name = {backend.settings.name: backend for backend in backends}
        self._tasks = tasks
        self._homes: OrderedDict[str, str] = OrderedDict()
        self._watching: asyncio.Task[None] | None = None
        self._returning: asyncio.Task[None] | None = None
        if self.are_several:
            self._watching = tasks.start(self._watch(), "backend health")
        elif check_s:
            self._watching = tasks.start(self._watch_only(self.all[0], check_s), "backend watch")

    @property
    def running(self) -> int:
        """Requests that are answered now."""
        return sum(backend.running for backend in self.all)

    def choose(
        self, placed: Placed | Passed, tried: Collection[str] = ()
    ) -> tuple[Backend, Route] | None:
        """The backend for a request, which then has its conversation; None if all were tried."""
        if isinstance(placed, Passed):
            model, conversation, home = placed.model, "", None
        else:
            model, conversation = placed.came.model, placed.place.conversation
            home = self._homes.get(conversation) or _home_of(placed)
        if self.are_several:
            chosen = route(model, home, [backend.view() for backend in self.all], tried)
        else:
            chosen = None if tried else self._only
        if chosen is None:
            return None
        if conversation:
            self._homes[conversation] = chosen.backend
            self._homes.move_to_end(conversation)
            if len(self._homes) > _HOMES:
                self._homes.popitem(last=False)
        return self._by_name[chosen.backend], chosen

    def arrived(self, noted: list[str]) -> None:
        """A request has come. If there are several backends, the chosen one learns of it once it is chosen."""
        if not self.are_several:
            self.all[0].parts.pause.end(noted)

    def first(self) -> Backend:
        """The first healthy backend, or the first if none is. It gets every request that is no chat."""
        return next((backend for backend in self.all if backend.is_healthy), self.all[0])

    async def reach(self, ask: Callable[[Backend], Awaitable[Answer]]) -> Answer:
        """The answer of the first, or of the next one if no connection could be opened. Raises BackendError."""
        left = sorted(self.all, key=lambda backend: not backend.is_healthy)
        while True:
            backend = left.pop(0)
            try:
                return await ask(backend)
            except Unreachable as error:
                with guard(backend.parts.counters, "routing"):
                    self.lost(backend, error)
                if not left:
                    raise

    def lost(self, backend: Backend, error: BackendError) -> None:
        """A request failed at this backend. If the connection broke, the backend is asked whether it is still
        there."""
        if not self.are_several:
            if isinstance(error, Unreachable):
                self._miss(backend, str(error))
        elif isinstance(error, Unreachable):
            self._mark(backend, is_healthy=False, why=str(error))
        elif isinstance(error, Disconnected):
            self._tasks.start(self._check(backend), "backend check")

    async def check(self) -> None:
        """Check the health of every backend."""
        await asyncio.gather(*(self._check(backend) for backend in self.all))

    async def answer(self) -> bool:
        """Whether any backend answers."""
        return any(await asyncio.gather(*(b.parts.known.answers() for b in self.all)))

    def drain(self, name: str, *, is_draining: bool) -> bool:
        """Stop giving a backend new conversations, or start again. False if none has that name."""
        backend = self._by_name.get(name)
        if backend is None:
            return False
        backend.is_draining = is_draining
        return True

    async def listed(self) -> list[Mapping[str, object]]:
        """Each backend as `/warmprefix/api/backends` shows it."""
        if not self.are_several:
            await self.check()
        held = Counter(self._homes.values())
        return [
            {
                "name": backend.settings.name,
                "url": backend.settings.url,
                "kind": backend.parts.known.name,
                "models": list(backend.settings.models),
                "weight": backend.settings.weight,
                "healthy": backend.is_healthy,
                "error": None if backend.is_healthy else backend.parts.known.trouble,
                "draining": backend.is_draining,
                "owns_slots": backend.parts.seatings.owns(),
                "running": backend.running,
                "conversations": held[backend.settings.name],
            }
            for backend in self.all
        ]

    def stop_watching(self) -> None:
        """End the checks, which would never end by themselves."""
        for task in (self._watching, self._returning):
            if task is not None:
                task.cancel()
        for backend in self.all:
            backend.parts.known.stop()
            if backend.parts.reread is not None:
                backend.parts.reread.stop()

    async def close(self) -> None:
        """Close all connections."""
        for backend in self.all:
            await backend.parts.connections.close()
            await backend.parts.known.close()

    async def _watch(self) -> None:
        while True:
            await self.check()
            await asyncio.sleep(_CHECK_S)

    async def _check(self, backend: Backend) -> None:
        is_healthy = await backend.parts.known.is_healthy()
        if is_healthy is not None:
            why = "it does not answer, or is loading its model"
            self._mark(backend, is_healthy=is_healthy, why=why)

    async def _watch_only(self, backend: Backend, check_s: float) -> None:
        """Notice that the only backend is gone, also if nobody asks it anything."""
        known = backend.parts.known
        while True:
            await asyncio.sleep(check_s)
            is_arriving = known.silence is Silence.LOADING  # its start has said so
            if not is_arriving and self._may_be_missed(backend) and await known.is_missing():
                self._miss(backend, f"{known.url} ({known.trouble})")

    def _may_be_missed(self, backend: Backend) -> bool:
        """Whether it was there, and nobody has said yet that it is gone."""
        is_missed = self._returning is not None and not self._returning.done()
        return not is_missed and backend.parts.known.name != "unknown"

    def _miss(self, backend: Backend, why: str) -> None:
        """Say that the only backend is gone, unless that is said already, and wait for it."""
        if not self._may_be_missed(backend):
            return
        logger.warning("the backend is gone; requests fail until it is back: %s", why)
        self._returning = self._tasks.start(self._return_of(backend), "backend health")

    async def _return_of(self, backend: Backend) -> None:
        known = backend.parts.known
        while await known.is_healthy() is not True:  # noqa: ASYNC110  # it has no event
            await asyncio.sleep(_RETURN_S)
        logger.warning("the backend at %s is back", known.url)
        await _learn(backend)

    def _mark(self, backend: Backend, *, is_healthy: bool, why: str) -> None:
        if backend.is_healthy == is_healthy:
            return
        backend.is_healthy = is_healthy
        known = backend.parts.known
        if is_healthy:
            self._tasks.start(_learn(backend), "template probe")
        else:
            known.lost()
        if self.are_several and is_healthy:
            logger.warning("backend %s is back", backend.settings.name)
        elif self.are_several:
            logger.warning("backend %s is down: %s", backend.settings.name, why)


def _home_of(placed: Placed) -> str | None:
    """The backend that the ledger names for the conversation."""
    last = placed.ancestry.conversation
    return last.backend if last and last.id == placed.place.conversation else None


async def _learn(backend: Backend) -> None:
    """Ask a backend that is back what it is: it may be another one."""
    await backend.parts.known.ask_template()
