"""What `serve` says at its start: where it listens, what to set, what the backend is, what is off and why."""

import asyncio
import logging
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from warmprefix.backends.known import KnownBackend
from warmprefix.backends.probe import NO_BUILD, Silence
from warmprefix.backends.usual import none_answers
from warmprefix.config import Config
from warmprefix.config.load import Effective
from warmprefix.core.plural import plural
from warmprefix.embedded.backend import server_version
from warmprefix.server.app import App
from warmprefix.server.backends import Backend
from warmprefix.tasks import Tasks

logger = logging.getLogger(__name__)

_ANYWHERE = (
    "192.0.2.1",
    9,
)  # RFC 5737: no host has it. Nothing is sent to find the way there.
_LEARNT_S = 2.0  # how long the start waits for what the backend says of itself


@dataclass(frozen=True, slots=True)
class Address:
    """Where the proxy listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """As it was configured."""
        return f"http://{self._name(self.host)}:{self.port}"

    @property
    def local_url(self) -> str:
        """As programs on this machine reach it."""
        host = self.host
        if self.is_everywhere:
            host = "::1" if ":" in host else "127.0.0.1"
        return f"http://{self._name(host)}:{self.port}"

    @property
    def is_everywhere(self) -> bool:
        """Whether it is on every address of this machine."""
        return ip_address(self.host).is_unspecified

    @property
    def is_open(self) -> bool:
        """Whether other machines may reach it."""
        return not ip_address(self.host).is_loopback

    def others_url(self) -> str | None:
        """As other machines reach it; None if this one has no way to others."""
        if not self.is_everywhere:
            return self.url
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            try:
                asking.connect(_ANYWHERE)
            except OSError:
                return None
            return f"http://{asking.getsockname()[0]}:{self.port}"

    @staticmethod
    def _name(host: str) -> str:
        return f"[{host}]" if ":" in host else host


def address_of(listener: socket.socket) -> Address:
    """Where a socket listens."""
    host, port = listener.getsockname()[:2]
    return Address(host, port)


async def announce(
    app: App, addresses: Sequence[Address], settings: Effective, *, observe: bool, embedded: bool
) -> None:
    """Ask the backends and the ledger, and say what they are, or that they do not answer."""
    config = settings.config
    for backend in app.backends.all:
        await _ask(backend, app.tasks)
    names = [described(backend, embedded=embedded) for backend in app.backends.all]
    listed = f"backends {', '.join(names)}" if len(names) > 1 else f"backend {names[0]}"
    logger.info("listening on %s, %s", ", ".join(one.url for one in addresses), listed)
    await app.ask_ledger()
    for backend in app.backends.all:
        _report_absence(backend.parts.known, app.tasks, is_named=settings.names_backend)
    kinds = [one.parts.known for one in app.backends.all]
    for line in off(config, kinds, observe=observe, embedded=embedded):
        logger.info("off: %s", line)
    _tell_who_else(addresses, config)
    url = addresses[0].local_url
    logger.info("dashboard: %s/warmprefix/", url)
    logger.info(
        "point clients at OPENAI_BASE_URL=%s/v1 (warmprefix connect CLIENT); watch with: "
        "warmprefix tail --url %s",
        url,
        url,
    )


def _tell_who_else(addresses: Sequence[Address], config: Config) -> None:
    """Says who may use the proxy besides this machine, and under which address."""
    reached = [one for one in addresses if one.is_open]
    if reached and not config.server.api_key:
        logger.warning(
            "anybody who reaches this machine can use the backend: server.host is %s, and there is no "
            "server.api_key",
            reached[0].host,
        )
    for url in filter(None, (one.others_url() for one in reached)):
        logger.info("other machines reach it at %s/v1", url)


async def _ask(backend: Backend, tasks: Tasks) -> None:
    """Learn what a backend is, for a short time; what is not known by then is learnt later."""
    known = backend.parts.known
    await known.kind()
    learning = known.wait_for_it()
    if known.name != "unknown":
        await asyncio.wait({learning}, timeout=_LEARNT_S)
    if backend.parts.seatings.all:
        tasks.start(backend.parts.seatings.announce(), "slot saving")


def described(backend: Backend, *, embedded: bool) -> str:
    """`http://127.0.0.1:8080 (llamacpp b11669-abc, qwen3, 4 slots of 32,768 tokens)`, as far as it is known."""
    known = backend.parts.known
    words = [f"{known.name} of {server_version()}" if embedded else known.name]
    if known.says:
        _, alias, build, _, context = known.says
        words[0] += "" if build == NO_BUILD else f" {build}"
        words += [alias] if alias not in ("", "None") else []
        slots = len(known.slots)
        words += [f"{plural(slots, 'slot')} of {plural(int(context), 'token')}"] if slots else []
    return f"{backend.settings.url} ({', '.join(words)})"


def off(
    config: Config, backends: list[KnownBackend], *, observe: bool, embedded: bool
) -> Iterator[str]:
    """What the proxy does not do, and why."""
    if observe:
        yield "all changes of requests, saving and reading ahead (--observe)"
    if config.canonicalize.disable:
        yield f"{', '.join(config.canonicalize.disable)} (canonicalize.disable)"
    if config.slots.pin == "off":
        yield "choosing and saving slots, and reading ahead (slots.pin)"
    elif not observe:
        if embedded:
            yield "saving slots (--embedded has no folder for them)"
        elif config.slots.save == "off":
            yield "saving slots (slots.save)"
        if config.prewarm.mode == "off":
            yield "reading ahead (prewarm.mode)"
    others = [one.url for one in backends if one.silence is Silence.NO_LLAMA_SERVER]
    if others:
        yield f"slots, reading ahead and restoring by tokens: {', '.join(others)} is no llama-server"


def _report_absence(known: KnownBackend, tasks: Tasks, *, is_named: bool) -> None:
    """Says that a backend is not there, or not ready yet, and later that it is."""
    if known.name == "unknown" or known.silence is Silence.GONE:
        logger.warning("the backend does not answer yet; requests get 502 until it does")
        if not is_named:
            logger.warning("%s: --backend names another", none_answers())
    elif known.silence is Silence.LOADING:
        logger.warning("the backend is loading its model; requests get its 503 until it has")
    else:
        return
    tasks.start(_report_arrival(known), "backend arrival")


async def _report_arrival(known: KnownBackend) -> None:
    """Waits for a backend, and says that it is there."""
    learning = known.wait_for_it()
    await asyncio.wait({learning})
    if not learning.cancelled():
        logger.info("the backend at %s is there: %s", known.url, known.name)
