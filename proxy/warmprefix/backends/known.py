"""What we know of a backend: asked when it is first needed, and again when it may have changed."""

import asyncio
import logging
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress

import httpx

from warmprefix.backends.answers import Answer
from warmprefix.backends.base import Headers, Kind
from warmprefix.backends.client import Asker
from warmprefix.backends.key import BackendKey
from warmprefix.backends.kinds import OTHER, kind_named
from warmprefix.backends.known_model import Asking, KnownModel, Start
from warmprefix.backends.probe import Silence, identify
from warmprefix.backends.reasons import reason_of
from warmprefix.backends.router import Router, ask_router
from warmprefix.backends.template import UNKNOWN, TemplateFacts
from warmprefix.core.errors import Unreachable, Untrusted
from warmprefix.core.fold import needs_folding
from warmprefix.core.types import Message
from warmprefix.tasks import Tasks

__all__ = ["KnownBackend", "KnownModel", "Start"]

logger = logging.getLogger(__name__)

_HEALTH_S = 2.0  # it needs no model
_MODELS = "/v1/models"  # what every server of the OpenAI API has
_AGAIN_S = 2.0  # a backend that is still loading is asked this often, by the requests themselves
_FIRST_WAIT_S = (
    0.5  # how long a request waits for the kind; a loopback server answers in milliseconds
)
_NEEDED_S = 2.0  # how long a request waits to learn what its template takes, if it may be refused
_LATE_S = 2.0  # how often we look for one that is not there yet: a look costs a millisecond
_REPORTED = {
    Silence.LOCKED: "asks for a key: slots, rendering, saving and explaining are off until backend.api_key is "
    "set, or a request with a key has succeeded",
    Silence.ROUTER: "has several models: each is examined once it is loaded. None is loaded just to be asked, "
    "or read again after a restart",
}


class KnownBackend(KnownModel):
    """The backend at `url`, as its only model; if it has several, each is known by its name.

    `kind`: its name, or "auto".
    """

    def __init__(
        self,
        url: str,
        kind: str,
        tasks: Tasks,
        key: BackendKey | None = None,
        trusted: ssl.SSLContext | None = None,
    ) -> None:
        key = BackendKey(url) if key is None else key
        given = kind_named(kind)
        client = Asker(key=key, trusted=trusted)
        super().__init__(Asking(url, client, key, given, trusted, report=self._report))
        self.trouble: str | None = None
        """Why it could not be reached when its health was last asked for; None if it could."""
        self._is_given = given is not None
        self._is_doubtful = False
        self._has_tried_key = False
        self._tasks = tasks
        self._identified_s = -_AGAIN_S
        self._identifying = asyncio.Lock()
        self._served: str | None = None
        self._router: Router | None = None
        self._models: dict[str, KnownModel] = {}
        self._names: dict[str, str] = {}
        self._reported: set[Silence] = set()
        self._waiting: asyncio.Task[None] | None = None
        self._has_complained = False

    @property
    def url(self) -> str:
        """Its address."""
        return self._asking.url

    @property
    def name(self) -> str:
        """The kind's name, "unknown" while the backend has not answered."""
        return self._asking.kind.name if self._asking.kind else "unknown"

    async def kind(self) -> Kind:
        """The kind; while it is not known, the one that changes nothing. All requests share one answer, and
        wait for it only briefly."""
        if self._asking.kind is None:
            now = time.monotonic()
            begun = self._identified_s if self._identifying.locked() else now
            with suppress(TimeoutError):
                async with asyncio.timeout(max(begun + _FIRST_WAIT_S - now, 0.0)):
                    await self.ask()
        return self._asking.kind or OTHER

    async def ask(self) -> None:
        """Ask the backend what it is, unless we know that or have just tried."""
        async with self._identifying:
            is_known = self._asking.kind is not None and not self._is_doubtful
            if is_known or time.monotonic() - self._identified_s < _AGAIN_S:
                return
            self._identified_s = time.monotonic()
            try:
                await self._identify()
            except Untrusted as error:
                if not self._has_complained:
                    logger.warning("%s; see backend.ca_file", error)
                self._has_complained = True
            except Unreachable:
                pass

    async def _identify(self) -> None:
        """Ask it what it is. Raises Unreachable."""
        kind, is_hidden = await identify(self._asking.client, self._asking.url)
        self._asking.kind = kind
        self._is_doubtful = False
        if is_hidden and not self._has_tried_key:
            self._asking.key.refused()
        elif not kind.can:
            self._asking.key.accepted()

    async def is_healthy(self) -> bool | None:
        """Whether requests can be sent now; None if it takes too long to answer.

        llama-server answers 503 while it loads its model (tools/server/README.md, /health). A server that
        answers that it has no `/health` counts as healthy. One that serves a single request at a time does not
        answer while it generates.
        """
        try:
            health = await self._asking.client.get(f"{self._asking.url}/health", _HEALTH_S)
        except (httpx.ReadTimeout, httpx.WriteTimeout):
            return None
        except httpx.HTTPError as error:
            self.trouble = reason_of(error)
            return False
        is_healthy = health.status_code != 503
        self.trouble = None if is_healthy else "it is loading its model (status 503)"
        return is_healthy

    async def answers(self) -> bool:
        """Whether the backend is there now. If its kind is known, it is asked for a page that it has."""
        try:
            if self._asking.kind is None:
                await self._identify()
            else:
                await self._own_page(self._asking.kind)
        except (Unreachable, httpx.HTTPError):
            return False
        return True

    async def is_missing(self) -> bool:
        """Whether a backend of known kind is gone, or loads its model; `trouble` says which. One that takes too
        long to answer is there. While all is well only the page that shows its kind is asked for, which
        disturbs no sleeping server."""
        with suppress(httpx.HTTPError):
            if (await self._own_page(await self.kind())).status_code != 503:
                return False
        return await self.is_healthy() is False

    async def _own_page(self, kind: Kind) -> Answer:
        page = kind.mark.path if kind.mark else _MODELS
        return await self._asking.client.get(f"{self.url}{page}", _HEALTH_S)

    async def outgoing(self, headers: Headers) -> tuple[Headers, Kind]:
        """A client's headers as this backend should get them, with our key if the client has none; and the
        backend's kind."""
        kind = await self.kind()
        return self._asking.key.for_client(kind.headers(headers)), kind

    def model_key(self, model: str | None) -> str:
        """The one name of the model that a request asks for; empty if there is only one model, or none of that
        name."""
        return self._names.get(model or "", "")

    def of(self, model: str | None) -> KnownModel:
        """What we know of the model that a request asks for; nothing if a router does not have it."""
        return self._models.get(self.model_key(model), self)

    @property
    def models(self) -> tuple[KnownModel, ...]:
        """The models of a router; otherwise the only one."""
        return tuple(self._models.values()) or (self,)

    async def gives_way(self, model: str | None) -> tuple[KnownModel, ...]:
        """The models of which the router will unload one to make room for `model`; empty if there is room."""
        router = await ask_router(self._asking.client, self._asking.url) if self._router else None
        if router is None or not router.most:
            return ()
        loaded = {listed.name for listed in router.models if listed.is_loaded}
        wanted = self.model_key(model)
        if not wanted or wanted in loaded or len(loaded) < router.most:
            return ()
        return tuple(known for name, known in self._models.items() if name in loaded)

    async def template_of(self, model: str | None, messages: Sequence[Message]) -> TemplateFacts:
        """What is known of a model's template. `messages`: those of a request. If it may fail without that, it
        is asked for now if it has not been asked for yet, but not for long."""
        known = self.of(model)
        if known.template == UNKNOWN and needs_folding(messages) and known.should_ask():
            with suppress(TimeoutError):
                async with asyncio.timeout(_NEEDED_S):
                    await known.ask_template()
        return known.template

    def ended(self, model: str | None, headers: Headers, status: int | None) -> None:
        """A request that went out with these headers has ended; the reply named its model."""
        if status == 200:
            self.of(model).woke()
            if self._asking.key.is_wanted and self._asking.key.succeeded(headers):
                # With the key it may show another kind. It is asked with it once.
                self._is_doubtful, self._has_tried_key = not self._is_given, True
                self._identified_s = -_AGAIN_S
                self.ask_soon()
        self.saw_model(model)

    def saw_model(self, model: str | None) -> None:
        """A reply named its model: if it has changed, so has the template."""
        if self._asking.kind is None:
            return
        is_new, self._served = model != self._served, model
        known = self.of(model)
        if known is self and is_new:
            self._tasks.start(self.ask_template(), "template probe")
        elif model is not None and known.should_ask():
            self._tasks.start(known.ask_template(), "template probe")

    def lost(self) -> None:
        """The backend could not be reached: what comes back may be another one."""
        self._served = None
        self._is_doubtful, self._has_tried_key = not self._is_given, False
        for known in {self, *self._models.values()}:
            known.forget()

    def wait_for_it(self) -> asyncio.Task[None]:
        """Learn what the backend is as soon as it answers, however long that takes; the task ends then."""
        if self._waiting is None or self._waiting.done():
            self._waiting = self._tasks.start(self._learn(), "template probe")
        return self._waiting

    def stop(self) -> None:
        """End what would never end by itself."""
        if self._waiting is not None:
            self._waiting.cancel()

    async def _learn(self) -> None:
        while True:
            await self.ask_template()
            is_coming = self.silence in (Silence.GONE, Silence.LOADING)
            if self._asking.kind is not None and not is_coming:
                return
            await asyncio.sleep(_LATE_S)

    async def ask_template(self) -> None:
        """Learn what the server is and what its template does; for a router, once for each loaded model."""
        await super().ask_template()
        if self.silence is None:
            self._router, self._models, self._names = None, {}, {}
        if self.silence is not Silence.ROUTER:
            return
        self._router = await ask_router(self._asking.client, self._asking.url) or self._router
        if self._router is None:
            return
        listed = {one.name: one for one in self._router.models}
        self._models = {
            name: self._models.get(name) or KnownModel(self._asking, name) for name in listed
        }
        aliases = {alias: one.name for one in listed.values() for alias in one.aliases}
        self._names = aliases | {name: name for name in listed}
        for name, known in self._models.items():
            if listed[name].is_loaded and known.should_ask():
                await known.ask_template()

    def _report(self, silence: Silence) -> None:
        """Log once what is off, and why."""
        if silence in _REPORTED and silence not in self._reported:
            self._reported.add(silence)
            what = _REPORTED[silence]
            if silence is Silence.LOCKED and self._asking.key.is_configured:
                what = "refuses the key in backend.api_key: slots, rendering, saving and explaining are off"
            level = logging.INFO if silence is Silence.ROUTER else logging.WARNING
            logger.log(level, "the backend at %s %s", self._asking.url, what)

    async def close(self) -> None:
        """Close the connections used for asking."""
        await self._asking.client.close()
