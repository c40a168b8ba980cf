"""What is known of a backend, asked when it is first needed and again when it may have changed."""

import asyncio
import time
from hashlib import blake2b
from typing import NamedTuple

import httpx

from proxy.backends.base import Kind
from proxy.backends.client import new_client
from proxy.backends.kinds import KINDS
from proxy.backends.llama import Llama
from proxy.backends.probe import Props, ask_slots, identify, props_of, slot_tokens
from proxy.backends.template import UNKNOWN, TemplateFacts, ask_template, rendered
from proxy.core.errors import Unreachable
from proxy.core.slot_state import SlotState
from proxy.tasks import Tasks

_HEALTH_S = 2.0  # no model is needed for it
_AGAIN_S = 2.0  # a backend that is still loading is asked this often, by the requests themselves
_FIRST_WAIT_S = (
    0.5  # how long a request waits to learn it; a loopback server answers in milliseconds
)


class Start(NamedTuple):
    """One start of a llama-server: its media marker, and the path of its model."""

    marker: str
    model: str | None


class KnownBackend:
    """The kind of the backend at `url`, and what its template does. `kind`: its name, or "auto"."""

    def __init__(self, url: str, kind: str, tasks: Tasks) -> None:
        self._url = url
        self._kind: Kind | None = KINDS.get(kind)
        self._tasks = tasks
        self._client = new_client()
        self._asked_s = -_AGAIN_S
        self._asking = asyncio.Lock()
        self._looking = asyncio.Lock()
        self._by_template: dict[bytes, TemplateFacts] = {}
        self._model: str | None = None
        self._props: Props | None = None
        self.template = UNKNOWN
        self.generation = 0
        """Counts the starts of the backend, as far as they were noticed."""

    @property
    def name(self) -> str:
        """The kind's name, "unknown" while the backend has not answered."""
        return self._kind.name if self._kind else "unknown"

    async def kind(self) -> Kind:
        """The kind, or the one that changes nothing while it is not known."""
        if self._kind is None:
            await self.ask()
        return self._kind or KINDS["openai-compatible"]

    async def ask(self) -> None:
        """Ask the backend what it is, unless that is known or was just tried."""
        async with self._asking:
            if self._kind is not None or time.monotonic() - self._asked_s < _AGAIN_S:
                return
            self._asked_s = time.monotonic()
            try:
                async with asyncio.timeout(_FIRST_WAIT_S):
                    self._kind = KINDS[await identify(self._client, self._url)]
            except (Unreachable, TimeoutError):
                return

    async def is_healthy(self) -> bool | None:
        """Whether requests can be sent now; None where it takes too long to say.

        llama-server answers 503 while it loads its model (tools/server/README.md, /health). A server
        without `/health` is there when it says so. One that answers a single request at a time says
        nothing while it generates.
        """
        try:
            health = await self._client.get(f"{self._url}/health", timeout=_HEALTH_S)
        except (httpx.ReadTimeout, httpx.WriteTimeout):
            return None
        except httpx.HTTPError:
            return False
        return health.status_code != 503

    async def answers(self) -> bool:
        """Whether the backend is there now."""
        try:
            name = await identify(self._client, self._url)
        except Unreachable:
            return False
        self._kind = self._kind or KINDS[name]
        return True

    def saw_model(self, model: str | None) -> None:
        """A reply named its model: another one than before brings another template."""
        if model != self._model and self._kind is not None:
            self._model = model
            self._tasks.start(self.ask_template(), "template probe")

    def lost(self) -> None:
        """The backend could not be reached: what comes back may be another one."""
        self._model = None
        self.generation += 1

    async def has_restarted(self) -> bool | None:
        """Ask whether the backend is another process than when its template was asked for; None where it does
        not answer.

        llama-server draws a new media marker at every start (tools/server/README.md, /props).
        """
        async with self._looking:  # else two that ask at once would count one restart twice
            before, now = self._props, await props_of(self._client, self._url)
            self._props = now or before
            if now is None:
                return None
            restarted = before is not None and before.marker != now.marker
            self.generation += restarted
            return restarted

    @property
    def start(self) -> Start | None:
        """Which start of which model answered when the backend was asked last; None where it does not say."""
        props = self._props
        return None if props is None or props.marker is None else Start(props.marker, props.model)

    @property
    def says(self) -> tuple[str, ...]:
        """What a saved slot must fit, as far as the backend said so when it was asked last."""
        return self._props.says if self._props else ()

    @property
    def slots(self) -> tuple[int, ...]:
        """Tokens in each slot when the backend was asked last; empty where its slots are not known."""
        return self._props.slots if self._props else ()

    async def slot_tokens(self) -> tuple[int, ...]:
        """Tokens in each slot now."""
        return await slot_tokens(self._client, self._props.url) if self._props else ()

    async def slot_states(self) -> tuple[SlotState, ...]:
        """Every slot as it is now; empty if the backend does not say. It wakes a server that sleeps."""
        return await ask_slots(self._client, self._props.url) if self._props else ()

    @property
    def llama(self) -> Llama | None:
        """The llama-server that answers, or the one behind it; None while none is known."""
        return Llama(self._client, self._props.url) if self._props else None

    async def render(self, body: bytes) -> str | None:
        """The text that the template makes of a prompt; None where the backend cannot be asked."""
        if self._props is None:
            return None
        return await rendered(self._client, self._props.url, body)

    async def ask_template(self) -> None:
        """Learn what the template does; asked once a template, whichever model has it."""
        found = await props_of(self._client, self._url)
        if found is None:
            self.template = UNKNOWN
            return
        self._props = found
        key = blake2b(found.template.encode("utf-8", "surrogatepass")).digest()
        if key not in self._by_template:
            facts = await ask_template(self._client, found.url)
            if facts == UNKNOWN:
                return
            self._by_template[key] = facts
        self.template = self._by_template[key]

    async def close(self) -> None:
        """Close the connections used for asking."""
        await self._client.aclose()
