"""The application: the only place where parts are put together, and where a path is given to one."""

import sys
import traceback

from proxy.backends.connection import Connections
from proxy.backends.known import KnownBackend
from proxy.capture import Capture
from proxy.config import Config
from proxy.counters import Counters
from proxy.dialects.chat_completions import PATHS
from proxy.metrics_state import State
from proxy.pipeline import Pipeline
from proxy.profiles.volatile import explained_patterns
from proxy.recent import Recent
from proxy.recorder import Recorder
from proxy.server.access import has_key, is_own_host
from proxy.server.api import create_api
from proxy.server.asgi import Receive, Scope, Send
from proxy.server.chat import Chat, is_readable
from proxy.server.dashboard import PATHS as DASHBOARD
from proxy.server.exchange import Parts
from proxy.server.passthrough import Passthrough
from proxy.server.problems import answer_problem
from proxy.server.relay import request_headers
from proxy.server.seating import Seating
from proxy.server.turns import Turns
from proxy.server.websocket import WebSockets
from proxy.slotkeeper import SlotKeeper
from proxy.stores.base import Store
from proxy.tasks import Tasks
from proxy.turnlog import TurnLog

_OPEN = frozenset({"/warmprefix/health", "/warmprefix/ready"}) | DASHBOARD
_SHUTDOWN_S = 5.0  # what is still recorded when the last reply has ended is done in milliseconds


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
    ) -> None:
        backend = config.backend
        self.tasks = Tasks()
        self.turns = Turns(log, excerpts=config.log.excerpts)
        self.known = KnownBackend(backend.url, backend.kind, self.tasks)
        self._config = config
        self._store = store
        self._connections = Connections(
            backend.url,
            backend.connect_timeout_s,
            backend.first_byte_timeout_s,
            backend.idle_connection_s,
        )
        counters = Counters()
        self.turns.metrics.registry.register(State(counters, log, store, self.tasks))
        recent = Recent()
        recorder = Recorder(store, counters, recent, explained_patterns())
        pins = config.slots.pin == "auto"
        seating = Seating(SlotKeeper(), self.known, self.tasks) if pins else None
        parts = Parts(
            connections=self._connections,
            known=self.known,
            recorder=recorder,
            turns=self.turns,
            counters=counters,
            tasks=self.tasks,
            capture=capture,
            seating=seating,
        )
        pipeline = Pipeline(config, store, counters, recent, observe=observe)
        self._chat = Chat(pipeline, parts, self.tasks, config.server.max_body_bytes)
        self._passthrough = Passthrough(self._connections, self.tasks)
        self._websockets = WebSockets(self._connections)
        self._api = create_api(self.turns, self.known.answers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or WebSocket."""
        try:
            if scope["type"] == "websocket":
                await self._websocket(scope, receive, send)
            elif scope["type"] == "http":
                await self._http(scope, receive, send)
        except Exception:
            # The web server closes the connection; the reason must not be lost.
            traceback.print_exc(file=sys.stderr)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        is_ours = path == "/warmprefix" or path.startswith("/warmprefix/")
        # A browser's preflight carries no key; llama-server and Lemonade ask for none either.
        is_open = path in _OPEN or scope["method"] == "OPTIONS"
        if not is_open and not has_key(scope, self._config.server.api_key):
            await answer_problem(send, 401, "authentication_error", "Invalid API Key")
        elif is_ours and not is_own_host(scope, self._config.server):
            await answer_problem(
                send,
                421,
                "host_not_allowed",
                "warmprefix: this Host name is not allowed here. Open it as localhost, or add the "
                "name to server.allowed_hosts.",
            )
        elif is_ours:
            await self._api(scope, receive, send)
        elif scope["method"] == "POST" and path in PATHS and is_readable(scope):
            await self._chat(scope, receive, send)
        else:
            kind = await self.known.kind()
            await self._passthrough(scope, receive, send, kind.headers(request_headers(scope)))

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not has_key(scope, self._config.server.api_key):
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        kind = await self.known.kind()
        await self._websockets(scope, receive, send, kind.headers(request_headers(scope)))

    def stop_watching(self) -> None:
        """End what would never end by itself, so that the rest can be drained."""
        self.turns.close()

    async def close(self) -> None:
        """Finish what runs, then release everything."""
        await self.tasks.finish(_SHUTDOWN_S)
        await self._connections.close()
        await self.known.close()
        await self._store.close()
