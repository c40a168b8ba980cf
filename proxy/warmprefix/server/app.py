"""The application: puts the parts together, and gives each path to one of them. Nothing else does."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from warmprefix.aside import Aside
from warmprefix.backends.connection import Connections
from warmprefix.backends.key import BackendKey
from warmprefix.backends.known import KnownBackend, KnownModel
from warmprefix.backends.trust import trust
from warmprefix.capture.writer import Capture
from warmprefix.config import Config, NamedBackend, ServerConfig
from warmprefix.core.errors import StoreError
from warmprefix.core.explain.direct import Direct
from warmprefix.core.explain.saving import Reaches
from warmprefix.counters import Counters
from warmprefix.dialects import dialect_of
from warmprefix.guard import guard
from warmprefix.log.metrics_state import State
from warmprefix.log.sums import Sums
from warmprefix.log.sums_file import SumsFile
from warmprefix.log.turns import Turns
from warmprefix.log.writer import TurnLog
from warmprefix.pipeline.in_force import in_force
from warmprefix.pipeline.listeners import TurnListener
from warmprefix.pipeline.prepare import Pipeline
from warmprefix.pipeline.recent import Last, Recent
from warmprefix.pipeline.remember import Recorder
from warmprefix.profiles.volatile import explained_patterns
from warmprefix.server.access import First, refusal, without_key
from warmprefix.server.api import create_api
from warmprefix.server.asgi import Receive, Scope, Send, first_values
from warmprefix.server.asking import is_gone
from warmprefix.server.backends import Backend, Backends
from warmprefix.server.capture_pages import add_captured
from warmprefix.server.chat import Chat
from warmprefix.server.dashboard import PATHS as DASHBOARD
from warmprefix.server.keep_alive import KeepAlive
from warmprefix.server.models import PATHS as MODELS
from warmprefix.server.models import answer_models
from warmprefix.server.opening_pages import add_openings
from warmprefix.server.owning import Slots, owning
from warmprefix.server.parts import Facts, Parts
from warmprefix.server.passthrough import Passthrough
from warmprefix.server.problems import answer_problem
from warmprefix.server.reading_on import ReadingOn
from warmprefix.server.running import RunningRequests
from warmprefix.server.slot_pages import add_slots
from warmprefix.server.websocket import WebSockets
from warmprefix.slots.ahead import Ahead
from warmprefix.slots.compare import Comparing
from warmprefix.slots.opening_files import OpeningFiles
from warmprefix.slots.openings import Openings
from warmprefix.slots.pause import Pause
from warmprefix.slots.prewarm import Prewarm
from warmprefix.slots.reread import Reread
from warmprefix.slots.saved import Snapshots
from warmprefix.slots.saved_index import SnapshotIndex
from warmprefix.slots.seating import Seating
from warmprefix.slots.seatings import ModelParts, NoSeatings, Seatings, always
from warmprefix.slots.table import SlotTable
from warmprefix.stores.base import Store, StoreState
from warmprefix.tasks import Tasks
from warmprefix.telemetry.listener import Ends
from warmprefix.telemetry.opening import open_telemetry

logger = logging.getLogger(__name__)

_OPEN = frozenset({"/warmprefix/health", "/warmprefix/ready"}) | DASHBOARD
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_SHUTDOWN_S = 5.0  # recording what is left after the last reply takes milliseconds


class App:
    """The proxy as an ASGI application. Make it inside the running event loop."""

    def __init__(
        self,
        config: Config,
        store: Store,
        log: TurnLog,
        *,
        observe: bool = False,
        capture: Capture | None = None,
        slots_file: Path | None = None,
        sums_file: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.tasks = Tasks()
        self._owning = owning(config, None if observe else store.leases, self.tasks)
        self._config = config
        self._store = store
        self._observe = observe
        self._capture = capture
        self._saved = SnapshotIndex(slots_file)
        self._counters = Counters()
        self._telemetry = telemetry = open_telemetry(environment or {}, self._counters)
        excerpts = config.log.excerpts
        sums = self._open_sums(None if observe else sums_file)
        shown = partial(Turns, log, self._counters, excerpts=excerpts, observes=observe)
        self.turns = shown(listener=telemetry, sums=sums)
        state = State(self._counters, log, store, self.tasks, self._owns)
        self.turns.metrics.registry.register(state)
        self._recent, self._reaches = Recent(), Reaches()
        self._aside = aside = Aside()
        made = partial(Pipeline, config, store, self._counters, self._recent, observe=observe)
        self._pipeline = made(is_gone=self._is_gone, aside=aside, reaches=self._reaches)
        patterns, identifier = explained_patterns(), self._pipeline.identifier
        force = in_force(config, observe=observe)
        self._recorder = Recorder(store, self._recent, patterns, identifier, force, self._reaches)
        parts = [Backend(named, self._parts(named)) for named in config.every_backend()]
        self.backends = Backends(parts, self.tasks, config.prewarm.restart_check_s)
        self.known = parts[0].parts.known
        self.keep_alive = KeepAlive(config.server if not observe else ServerConfig())
        self.reading_on = ReadingOn(is_wanted=config.slots.finish_read and not observe)
        self.running = RunningRequests(self._counters)
        limits = (config.server.max_body_bytes, config.canonicalize.max_bytes)
        long_reads = (self.keep_alive, self.reading_on, self.running)
        self._chat = Chat(self._pipeline, self.backends, self.tasks, limits, telemetry, *long_reads)
        self._websockets = WebSockets(self.backends)
        self._passthrough = Passthrough(self.backends, self.tasks, self.reading_on)
        self._api = create_api(self.turns, self.backends, self.running)
        add_slots(self._api, {each.settings.name: each.parts.seatings for each in parts})
        add_captured(self._api, self._capture)
        add_openings(self._api, self.backends, self._pipeline, limits[0])

    def _open_sums(self, file: Path | None) -> Sums:
        """The sums that go on from this file, and are kept in it."""
        self._sums = SumsFile(file)
        sums = self._sums.read()
        self._keeping = self.tasks.start(self._sums.keep(sums, self._counters), "sums")
        return sums

    def _owns(self) -> dict[str, bool]:
        """Whether the slots of each backend, by its name, are this proxy's to use."""
        return {each.settings.name: each.parts.seatings.owns() for each in self.backends.all}

    def ledger(self) -> StoreState:
        """What the ledger holds."""
        return self._store.state()

    async def ask_ledger(self) -> None:
        """See whether the ledger answers; if it does not, it is reported to the operator."""
        with suppress(StoreError):
            await self._store.past(None, ())

    def use(self, config: Config) -> None:
        """From the next request on, the rules and the excerpts of another configuration; all else of it needs
        a new start."""
        self._pipeline.use(config.canonicalize)
        self._recorder.force = in_force(config, observe=self._observe)
        self.turns.shows_excerpts = config.log.excerpts

    def _is_gone(self, last: Last) -> bool:
        named = (one.parts for one in self.backends.all if one.settings.name == last.backend)
        parts = next(named, None)
        return parts is not None and is_gone(parts.known, parts.seatings, last)

    def _parts(self, backend: NamedBackend) -> Parts:
        """The parts of one backend, with those that all share."""
        key = BackendKey(backend.url, backend.api_key)
        trusted = trust(backend.url, backend.ca_file, verify=backend.verify)
        known = KnownBackend(backend.url, backend.kind, self.tasks, key, trusted)
        counters, pause = self._counters, Pause(self.tasks, self._counters)
        seatings: Seatings | NoSeatings = NoSeatings(counters, Direct(self._reaches))
        if self._config.slots.pin == "auto":
            make = partial(self._model_parts, backend, pause)
            owns = self._owning.of(backend.url) or always
            seatings = Seatings(known, make, self.tasks, counters, pause, owns)
            self._owning.add(backend.url, Slots(seatings.gained, seatings.lost))
        reread = self._reread(known, seatings, pause)
        limits = (backend.connect_timeout_s, backend.first_byte_timeout_s)
        connections = Connections(backend.url, *limits, backend.idle_connection_s, trusted)
        return Parts(
            connections=connections,
            known=known,
            recorder=self._recorder,
            turns=self.turns,
            counters=counters,
            tasks=self.tasks,
            capture=self._capture,
            seatings=seatings,
            reread=reread,
            pause=pause,
            endings=(
                self._recorder,
                seatings,
                *(() if reread is None else (reread,)),
                Facts(known),
                *(() if self._telemetry is None else (Ends(self._telemetry, known, backend.url),)),
                *(() if self._capture is None else (self._capture,)),
            ),
            max_event_bytes=backend.max_event_bytes,
        )

    def _model_parts(self, backend: NamedBackend, pause: Pause, known: KnownModel) -> ModelParts:
        """The parts that belong to one model of a backend."""
        slots = self._config.slots
        snapshots = None
        if slots.save == "auto" and not self._observe:
            # If there are several backends, none sees the files of another.
            label = backend.name if self._config.backends else ""
            snapshots = Snapshots(slots, self._saved, known, self._counters, label)
        seating = Seating(
            SlotTable(self._reaches),
            known,
            self.tasks,
            snapshots,
            slots.save_idle_s,
            slots.side_wait_s,
            keeps_branches=slots.separate_branches,
            tries=not self._observe,
        )
        ahead = Ahead(self._pipeline, seating.table, known, self._counters)
        listeners: list[TurnListener] = []
        if self._reads:
            listeners.append(Prewarm(self._config.prewarm, ahead, self._recent, pause))
        if snapshots is not None and slots.openings:
            least = slots.min_save_tokens
            files = OpeningFiles(ahead, snapshots, seating.stand_down, least)
            seating.openings = Openings(slots, self._config.prewarm, files, pause)
            listeners.append(seating.openings)
        return ModelParts(seating, Comparing(Direct(self._reaches), seating), tuple(listeners))

    @property
    def _reads(self) -> bool:
        """Whether anything is read while no request runs."""
        return self._config.prewarm.mode == "auto" and not self._observe

    def _reread(
        self, known: KnownBackend, seatings: Seatings | NoSeatings, pause: Pause
    ) -> Reread | None:
        """The part that reads the latest conversations again after a restart, if the backend has one model."""
        if isinstance(seatings, NoSeatings) or not self._reads:
            return None
        seating = seatings.of(None).seating
        ahead = Ahead(self._pipeline, seating.table, known, self._counters)
        return Reread(
            self._config.prewarm,
            ahead,
            self._recent,
            seating.snapshots,
            self.tasks,
            pause,
            seating.started_again,
            seatings.owns,
            seating.readings.is_looking,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or WebSocket."""
        try:
            if scope["type"] == "websocket":
                await self._websocket(scope, receive, send)
            elif scope["type"] == "http":
                await self._http(scope, receive, send)
        except Exception:
            # The web server closes the connection; the reason must not be lost.
            logger.exception("a request failed:")

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        is_ours = path == "/warmprefix" or path.startswith("/warmprefix/")
        # A browser's preflight carries no key; llama-server and Lemonade require none either.
        is_open = path in _OPEN or scope["method"] == "OPTIONS"
        is_safe = scope["method"] in _SAFE
        config, headers, client = self._config.server, first_values(scope), scope.get("client")
        refused = refusal(
            headers, client, config, is_ours=is_ours, is_open=is_open, is_safe=is_safe
        )
        if refused is not None:
            await answer_problem(send, path, *refused)
        elif is_ours:
            await self._api(scope, receive, send)
        else:
            await self._forward(scope, headers, receive, send)

    async def _forward(self, scope: Scope, headers: First, receive: Receive, send: Send) -> None:
        backends = self.backends
        scope = self._ours_taken_out(scope)
        dialect = dialect_of(scope["path"]) if scope["method"] == "POST" else None
        if dialect is not None and _is_readable(headers):
            await self._chat(scope, headers, dialect, receive, send)
            return
        is_list = scope["method"] == "GET" and scope["path"] in MODELS
        if backends.are_several and is_list and await answer_models(scope, send, backends):
            return
        await self._passthrough(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        config, headers, client = self._config.server, first_values(scope), scope.get("client")
        if (
            refusal(headers, client, config, is_ours=False, is_open=False, is_safe=False)
            is not None
        ):
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        await self._websockets(self._ours_taken_out(scope), receive, send)

    def _ours_taken_out(self, scope: Scope) -> Scope:
        """The request without the key that was asked for: nothing behind this line sees it."""
        key = self._config.server.api_key
        return {**scope, "headers": without_key(scope["headers"], key)} if key else scope

    def stop_watching(self) -> None:
        """End the endless tasks, so that the rest can be drained."""
        self.turns.close()
        self.reading_on.came()
        self._keeping.cancel()
        self.backends.stop_watching()

    async def close(self) -> None:
        """Finish what runs, then release everything."""
        self._owning.stop()
        self.running.stop()
        self._keeping.cancel()
        self.backends.stop_watching()
        for backend in self.backends.all:
            backend.parts.pause.end()
        await self.tasks.finish(_SHUTDOWN_S)
        for backend in self.backends.all:
            await backend.parts.seatings.close()
        await self._owning.close()
        await self.backends.close()
        self._aside.close()
        with guard(self._counters, "metrics"):
            self._sums.write(self.turns.sums)
        if self._telemetry is not None:
            await asyncio.to_thread(self._telemetry.close)
        await self._store.close()


def _is_readable(headers: First) -> bool:
    """Whether the body can be read: a compressed one is passed on, never inflated."""
    return headers.get(b"content-encoding") in (None, b"", b"identity")
