"""Runs the proxy: opens its socket, starts the web server, and ends it without cutting replies."""

import asyncio
import errno
import gc
import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

import uvicorn

from warmprefix.aside import SWITCH_S
from warmprefix.backends.websocket import MOST_MESSAGE_BYTES
from warmprefix.capture.writer import Capture
from warmprefix.config import Config, effective_lines, ledger_path, log_path, slots_path, sums_path
from warmprefix.config.load import Effective
from warmprefix.config.running import announced, running_folder
from warmprefix.core.errors import ConfigError
from warmprefix.log.operator import operator_log
from warmprefix.log.writer import TurnLog
from warmprefix.server.announce import address_of, announce
from warmprefix.server.app import App
from warmprefix.server.browser import open_page
from warmprefix.server.heads import IDLE_S
from warmprefix.server.protocol import Protocol
from warmprefix.server.reload import Reload
from warmprefix.server.signals import listening
from warmprefix.server.state import state_lines
from warmprefix.stores import store_kind
from warmprefix.stores.base import Opening, Store

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Extras:
    """Options of one run. `capture`: folder for the text of requests and replies."""

    embedded: bool = False
    observe: bool = False
    capture: Path | None = None
    opens_dashboard: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a run. `file`: theirs, which may not exist; `load` reads them again, raising
    ConfigError."""

    effective: Effective
    file: Path
    load: Callable[[], Effective]

    @property
    def config(self) -> Config:
        """Their values."""
        return self.effective.config


def run(settings: Settings, extras: Extras) -> int:
    """Run until a signal ends it; returns the exit status. Raises ConfigError before the first request."""
    config = settings.config
    listeners = listen_all(config.server.hosts, config.server.port)
    spare_the_collector()
    sys.setswitchinterval(SWITCH_S)
    try:
        with operator_log(config.log.level, sys.stderr), uvloop_if_present() as runner:
            return runner.run(_serve(settings, listeners, extras))
    except KeyboardInterrupt:  # a second one, while replies were being drained
        return 130
    finally:
        for listener in listeners:
            listener.close()


def spare_the_collector() -> None:
    """Exclude the objects made at start-up, which live as long as the process, from garbage collection, and
    collect less often: a turn makes some thousand objects, and nearly all are freed without it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


@contextmanager
def uvloop_if_present() -> Iterator[asyncio.Runner]:
    """A runner on uvloop, or on asyncio's own loop if there is none (Windows)."""
    try:
        import uvloop
    except ImportError:
        factory = None
    else:
        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        yield runner


def listen_all(hosts: Sequence[str], port: int) -> list[socket.socket]:
    """A listening socket for each address, all on one port: port 0 is the one that the first takes. Raises
    ConfigError as `listen` does; then none is left open."""
    listeners: list[socket.socket] = []
    try:
        for host in hosts:
            listeners.append(listen(host, port, is_alone=len(hosts) == 1))
            port = listeners[0].getsockname()[1]
    except ConfigError:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def listen(host: str, port: int, *, is_alone: bool = True) -> socket.socket:
    """The listening socket. Raises ConfigError, which names the setting, if it cannot be opened. `is_alone`:
    no other address is listened on, so `::` takes IPv4 too."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family is socket.AF_INET6 and not is_alone:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        listener.bind((host, port))
    except socket.gaierror:
        listener.close()
        raise ConfigError(f"cannot listen on {host} (server.host): not an address here") from None
    except OSError as error:
        listener.close()
        reason, advice = os.strerror(error.errno or 0), _ADVICE.get(error.errno or 0, "")
        raise ConfigError(
            f"cannot listen on {host}:{port} (server.host, server.port): {reason}{advice}"
        ) from None
    listener.listen(2048)
    listener.setblocking(False)
    return listener


_ADVICE = {
    errno.EADDRINUSE: ": another program uses it; choose another with --port",
    errno.EADDRNOTAVAIL: ": this machine has no such address; choose another with --host",
    errno.EACCES: ": ports below 1024 are for root; choose another with --port",
}
"""What to do about it, by the error."""


class _Server(uvicorn.Server):
    """uvicorn, but the endless tasks are ended first."""

    def __init__(self, config: uvicorn.Config, app: App) -> None:
        super().__init__(config)
        self._app = app
        self._started_s = time.monotonic()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """First signal: drain. A second one: stop at once.

        uvicorn's own raises the signal again when it has stopped, which would end the process before
        the ledger is flushed; an orderly end is status 0.
        """
        del sig, frame
        self.stop()

    def stop(self) -> None:
        """Drain; at once, if it is called again."""
        self.force_exit, self.should_exit = self.should_exit, True
        if not self.force_exit:
            running = len(self.server_state.tasks)
            logger.info("stopping%s", f"; {running} running" if running else "")
        self._app.stop_watching()

    def tell(self) -> None:
        """Say what the proxy does now, whatever the level of the log."""
        level = max(logging.INFO, logger.getEffectiveLevel())
        running = len(self.server_state.tasks)
        for line in state_lines(self._app, time.monotonic() - self._started_s, running):
            logger.log(level, "state: %s", line)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain, then end what still runs and wait until it is logged, which uvicorn would not do."""
        await super().shutdown(sockets)
        running = tuple(self.server_state.tasks)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)


async def _serve(settings: Settings, listeners: list[socket.socket], extras: Extras) -> int:
    if not extras.embedded:
        await _serve_app(settings, listeners, extras)
        return 0
    from warmprefix.embedded.backend import EmbeddedBackend

    server = EmbeddedBackend()
    try:
        await server.start(logger.info)
        await _serve_app(embedded_in(settings, server.url), listeners, extras)
    finally:
        await server.stop()
    return 0


def embedded_in(settings: Settings, url: str) -> Settings:
    """The settings with the embedded server at `url` as the backend, also when they are read again."""

    def placed(found: Effective) -> Effective:
        config = found.config
        backend = replace(config.backend, url=url, kind="llamacpp")
        slots = replace(config.slots, save="off")  # it is started without a folder for saved slots
        ours = dict.fromkeys(("backend.url", "backend.kind", "slots.save"), "flag --embedded")
        config = replace(config, backend=backend, backends=(), slots=slots)
        return replace(found, config=config, sources={**found.sources, **ours})

    return Settings(placed(settings.effective), settings.file, lambda: placed(settings.load()))


async def _serve_app(settings: Settings, listeners: list[socket.socket], extras: Extras) -> None:
    config = settings.config
    log = TurnLog(
        sys.stdout.buffer,
        log_path(config.log),
        max_bytes=config.log.max_bytes,
        backups=config.log.backups,
    )
    capture = start_capture(extras.capture)
    app = App(
        config,
        open_store(config),
        log,
        observe=extras.observe,
        capture=capture,
        slots_file=slots_path(config.memory, os.environ),
        sums_file=sums_path(config.memory, os.environ, config.server.port),
        environment=os.environ,
    )
    addresses = [address_of(listener) for listener in listeners]
    url = addresses[0].local_url
    urls = [backend.settings.url for backend in app.backends.all]
    shown = effective_lines(settings.effective)
    said = announced(running_folder(os.environ), url, urls, str(settings.file.resolve()), shown)
    try:
        server = _Server(uvicorn_config(config, app), app)
        starting = announce(
            app,
            addresses,
            settings.effective,
            observe=extras.observe,
            embedded=extras.embedded,
        )
        app.tasks.start(starting, "announce")
        if extras.opens_dashboard:
            app.tasks.start(open_page(f"{url}/warmprefix/"), "dashboard")
        with said as note:
            reload = Reload(app, log, note, settings.load, config)
            with listening(stop=server.stop, reload=reload, tell=server.tell):
                await server.serve(listeners)
    finally:
        await app.close()
        log.close()
        if app.turns.savings is not None:
            logger.info("%s", app.turns.savings.summary())
        if capture is not None:
            capture.close()


def start_capture(folder: Path | None) -> Capture | None:
    """A new capture in `folder`; None if nothing is to be captured. Raises ConfigError."""
    if folder is None:
        return None
    capture = Capture(folder)
    logger.warning("capturing to %s: this file contains the text of conversations", capture.path)
    return capture


def uvicorn_config(config: Config, app: App) -> uvicorn.Config:
    """Settings of uvicorn: no headers or log of its own, and replies are drained at the end."""
    return uvicorn.Config(
        app,
        http=Protocol,
        ws="websockets-sansio",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=round(IDLE_S),
        timeout_graceful_shutdown=round(config.server.shutdown_grace_s),
        ws_max_size=MOST_MESSAGE_BYTES,
    )


def open_store(config: Config) -> Store:
    """The store of the ledger, as configured."""
    memory = config.memory
    kind = store_kind(memory.store)
    place = str(ledger_path(memory, os.environ)) if kind.place == "file" else memory.path
    limits = (memory.max_bytes, memory.max_age_s)
    return kind.open(Opening(place, *limits, password=memory.password, key=memory.key))
