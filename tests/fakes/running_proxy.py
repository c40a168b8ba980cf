"""The real application under the real web server, on a free port, in the test's own event loop."""

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn

from tests.fakes.scripted import ScriptedBackend
from tests.fakes.scripted_http import Connection, Request
from tests.fakes.scripted_replies import head
from warmprefix.capture.writer import Capture
from warmprefix.config import Config
from warmprefix.log.writer import TurnLog
from warmprefix.server.app import App
from warmprefix.server.run import listen, uvicorn_config
from warmprefix.stores.base import Store
from warmprefix.stores.memory import MemoryStore

DEADLINE_S = 10.0
"""Limit for anything that takes milliseconds on an idle machine."""

BUSY_S = 60.0
"""The same for what a real server or a slow disk has a part in, beside other tests."""

TICK_S = 0.002
"""How often a condition is checked that has no event to wait for."""

Json = dict[str, Any]
Settings = Mapping[str, object]


async def until(claim: Callable[[], bool], deadline_s: float = DEADLINE_S) -> None:
    """Return once the claim holds."""
    async with asyncio.timeout(deadline_s):
        while not claim():  # noqa: ASYNC110  # the claim has no event
            await asyncio.sleep(TICK_S)


class Backend(ScriptedBackend):
    """A scripted backend that answers the proxy's own questions itself, off the record.

    They say that they are ours, or that httpx asks, as commands do; relayed requests say neither. 404 says that
    this is neither llama-server nor Lemonade, so nothing is learned.
    """

    async def _next_request(self, connection: Connection) -> Request | None:
        request = await super()._next_request(connection)
        asker = "" if request is None else request.header("user-agent") or ""
        if request is None or not asker.startswith(("warmprefix", "python-httpx")):
            return request
        await connection.send(head(404, [("Content-Length", "0"), ("Connection", "close")]))
        return None


class Server(uvicorn.Server):
    """uvicorn without its signal handlers and without its ticks of 0.1 s: a test starts hundreds."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stopping = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals stay with the test runner."""
        yield

    async def main_loop(self) -> None:
        """Serve until `stopping` is set."""
        await self.stopping.wait()

    async def shutdown(self, sockets: Any = None) -> None:
        """Close what is open; by then every client of the test has left."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            await until(self.is_idle, 1.0)
        for task in self.server_state.tasks:
            task.cancel()
        await until(self.is_idle)

    def is_idle(self) -> bool:
        """Whether no connection is open and no request is being answered."""
        return not self.server_state.connections and not self.server_state.tasks


class RunningProxy:
    """A proxy that answers on `url`."""

    def __init__(
        self,
        config: Config,
        *,
        observe: bool = False,
        capture: Capture | None = None,
        slots_file: Path | None = None,
        sums_file: Path | None = None,
        store: Store | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.output = io.BytesIO()
        self.log = TurnLog(self.output)
        if store is None:
            store = MemoryStore(config.memory.max_bytes, config.memory.max_age_s)
        self.app = App(
            config,
            store,
            self.log,
            observe=observe,
            capture=capture,
            slots_file=slots_file,
            sums_file=sums_file,
            environment=environment,
        )
        listener = listen("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.server = Server(uvicorn_config(config, self.app))
        self._serving = asyncio.create_task(self.server.serve([listener]))

    def lines(self) -> list[Json]:
        """The lines of the log so far."""
        return [json.loads(line) for line in self.output.getvalue().splitlines()]

    async def records(self, *, running: int = 0) -> list[Json]:
        """The lines of the log, once all but `running` requests have ended and are explained."""
        await until(lambda: len(self.server.server_state.tasks) <= running, BUSY_S)
        await until(
            lambda: (
                not any(
                    task.get_name() in ("explain", "learn slot") for task in asyncio.all_tasks()
                )
            ),
            BUSY_S,
        )
        turns = len(self.app.turns.newest(1000))
        await until(lambda: self.output.getvalue().count(b"\n") >= turns, BUSY_S)
        return self.lines()

    async def record(self) -> Json:
        """The only line of the log, once no request runs any more."""
        records = await self.records()
        assert len(records) == 1, records
        return records[0]

    async def ready(self) -> None:
        """Return once the questions of the start are answered."""
        await self.app.known.ask_template()
        for backend in self.app.backends.all:
            await backend.parts.seatings.announce()

    async def stop(self) -> None:
        """End it; whatever is open is closed."""
        self.app.stop_watching()
        self.server.stopping.set()
        await self._serving
        await self.app.close()
        self.log.close()


def config_for(backend_url: str, settings: Mapping[str, Settings]) -> Config:
    """The defaults with this backend and these settings, `{"server": {"api_key": "k"}}`.

    The kind of the backend is set, as a question about it would use up a script.
    """
    config = Config()
    given = {**settings, "backend": {"kind": "llamacpp", **settings.get("backend", {})}}
    given["backend"] = {**given["backend"], "url": backend_url}
    sections: Any = {name: replace(getattr(config, name), **given[name]) for name in given}
    return replace(config, **sections)


@contextlib.asynccontextmanager
async def running_proxy(
    backend_url: str,
    *,
    observe: bool = False,
    capture: Capture | None = None,
    slots_file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    **settings: Settings,
) -> AsyncIterator[RunningProxy]:
    """A proxy in front of `backend_url`. `settings` by section: `server={"api_key": "k"}`."""
    config = config_for(backend_url, settings)
    proxy = RunningProxy(
        config,
        observe=observe,
        capture=capture,
        slots_file=slots_file,
        environment=environment,
    )
    try:
        yield proxy
    finally:
        await proxy.stop()
