"""What we know of one model of a backend: its start, its template, and the last reading of its slots.

A look at `/props` disturbs nothing: it does not wake a sleeping server, delay its sleep or load a model.
`/slots` and rendering do wake it, so they are asked only for a request, or right after one.
"""

import asyncio
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from math import inf
from typing import NamedTuple

import httpx

from warmprefix.backends.base import Ability, Kind
from warmprefix.backends.client import Asker
from warmprefix.backends.key import BackendKey
from warmprefix.backends.kinds import OTHER
from warmprefix.backends.llama import Llama
from warmprefix.backends.probe import Props, Silence, ask_slots, page, props_of
from warmprefix.backends.slot_files import SlotsApi
from warmprefix.backends.template import UNKNOWN, TemplateFacts, ask_template, rendered
from warmprefix.core.slots.state import SlotState

_AGAIN_S = 2.0  # how often requests ask again for what we have not learned yet
_TRIES = 5  # for each start; a build that has not said it by then never will


class Start(NamedTuple):
    """One start of a llama-server: its media marker, and the path of its model."""

    marker: str
    model: str | None


@dataclass(slots=True, eq=False)
class Asking:
    """What the models of a backend share: its address, the connections for questions, its key, its kind once it
    is known, its certificates, and the facts of each template by its digest."""

    url: str
    client: Asker
    key: BackendKey
    kind: Kind | None = None
    trusted: ssl.SSLContext | None = None
    templates: dict[bytes, TemplateFacts] = field(default_factory=dict)
    report: Callable[[Silence], None] = lambda _: None


class KnownModel:
    """One model. `model`: its name at a router; empty if the backend has only one."""

    def __init__(self, asking: Asking, model: str = "") -> None:
        self.model = model
        self._asking = asking
        self._looking = asyncio.Lock()
        self._learning = asyncio.Lock()
        self._props: Props | None = None
        self._states: tuple[SlotState, ...] = ()
        self._is_there = True
        self._was_lost = False
        self._has_asked = False
        self._tries = _TRIES
        self._asked_s = -_AGAIN_S
        self.silence: Silence | None = Silence.GONE
        """Why it did not answer when it was last asked; None if it did."""
        self.template = UNKNOWN
        self.start: Start | None = None
        """Which start of which model answered last; None if it does not say."""
        self.marker = ""
        """What the backend says of that start; empty if nothing."""
        self.generation = 0
        """Counts the events, as far as we noticed, that emptied all slots at once: a start of the server, a
        sleep, a router that unloaded the model."""
        self.slots: tuple[int, ...] = ()
        """Tokens in each slot at the last reading of `/slots`, or as a start or a sleep leaves them; empty if
        not known."""

    def __repr__(self) -> str:
        return f"KnownModel({self.model!r}, {self.generation=}, {self.slots=}, {self.is_asleep=})"

    async def kind(self) -> Kind:
        """The kind of its backend; while it is not known, the one that changes nothing."""
        return self._asking.kind or OTHER

    async def ask(self) -> None:
        """Learn the kind of the backend. For a router's model it is known."""

    def can(self, ability: Ability) -> bool:
        """Whether we know that its backend's kind can do this."""
        return self._asking.kind is not None and ability in self._asking.kind.can

    @property
    def is_asleep(self) -> bool:
        """Whether the server slept at the last look, and as far as we know nothing has woken it since."""
        return self._is_there and self._props is not None and self._props.is_sleeping

    @property
    def is_loaded(self) -> bool:
        """Whether it has answered, and its router has not unloaded it since."""
        return self._is_there and self._props is not None

    @property
    def is_learnt(self) -> bool:
        """Whether there is nothing more to ask of this start."""
        props = self._props
        if props is None or not self._is_there:
            return False
        is_rendered = self.template != UNKNOWN or not self.can("render")
        return is_rendered and (bool(self.slots) or not props.total)

    @property
    def says(self) -> tuple[str, ...]:
        """What a saved slot must fit, as far as the backend's last answer said it."""
        return self._props.says if self._props else ()

    @property
    def llama(self) -> Llama | None:
        """The llama-server, or the one behind the backend, that can read ahead; None while we know of none."""
        props = self._props
        if props is None or not self.can("evaluate"):
            return None
        return Llama(self._asking.client, props.url, self.model)

    @property
    def can_shift(self) -> bool | None:
        """False if it cannot shift its cache, whatever its flags: with a projector llama-server does not
        (server-context.cpp, "cache_reuse is not supported by multimodal"). None if it may be able to."""
        props = self._props
        cannot = not self.can("slots") or (props is not None and props.has_media is True)
        return False if cannot else None

    @property
    def saving_url(self) -> str:
        """The llama-server that saves and restores its slots; empty while we know of none."""
        return self._props.url if self._props and self.can("save") else ""

    def slots_api(self) -> SlotsApi:
        """The API that saves and restores its slots; the caller closes it."""
        return SlotsApi(self._asking.key, self.model, self._asking.trusted)

    def forget(self) -> None:
        """Forget everything: what comes back may be another server."""
        self._emptied()
        self._was_lost = True

    async def look(self) -> bool | None:
        """Whether, as far as we know, the slots have lost what they held since the last look: the server has
        restarted, was lost, sleeps, or its router has unloaded the model. None if it does not answer, or does
        not say.

        llama-server draws a new media marker at every start (tools/server/README.md, /props).
        """
        async with self._looking:  # otherwise two looks at once would count one start twice
            await self.ask()
            asking = self._asking
            if asking.kind is None:
                return self._saw(Silence.GONE)
            return self._saw(await props_of(asking.client, asking.url, asking.kind, self.model))

    async def has_restarted(self) -> bool | None:
        """The same for a request: the slots are read too, once for each start, unless that would wake it."""
        is_gone = await self.look()
        is_asked = self._has_asked or self.is_asleep
        if is_gone is not None and not self.slots and not is_asked:
            await self.slot_states()
        return is_gone

    def _saw(self, found: Props | Silence) -> bool | None:
        if isinstance(found, Silence):
            self.silence = found
            if found is Silence.LOCKED:
                self._asking.key.refused()
            if found is not Silence.UNLOADED:
                self._asking.report(found)
                return None
            was_there, self._is_there = self.is_loaded, False
            self.start, self.marker = None, ""
            if was_there:
                self._emptied()
            return was_there
        self._asking.key.accepted()
        before, self._props, self._is_there = self._props, found, True
        self.silence = None
        self.marker = found.marker or ""
        self.start = None if found.marker is None else Start(found.marker, found.model)
        is_new = before is not None and (before.url, before.marker) != (found.url, found.marker)
        naps = found.is_sleeping and before is not None and not before.is_sleeping
        if is_new or naps:
            self._emptied()
        if found.is_sleeping:
            self.slots = (0,) * found.total
        was_lost, self._was_lost = self._was_lost, False
        return is_new or naps or was_lost

    def _emptied(self) -> None:
        self.generation += 1
        self.slots = ()
        self._states = ()
        self._has_asked = False
        self._tries = _TRIES
        self.ask_soon()

    def ask_soon(self) -> None:
        """Allow the next question at once: there may be something to learn now."""
        self._asked_s = -_AGAIN_S

    async def load(self, limit_s: float | None = None) -> bool:
        """Make the router load the model, as the request that waits is about to do. True if it is loaded now.
        Only a request may cause this."""
        address = page(self._asking.url, "/props", self.model).removesuffix("&autoload=false")
        try:
            await self._asking.client.get(address, inf if limit_s is None else limit_s)
        except httpx.HTTPError:
            return False
        await self.has_restarted()
        if self.is_loaded and not self.slots:
            await self.slot_states()
        return self.is_loaded

    async def slot_states(self) -> tuple[SlotState, ...]:
        """Every slot as it is now; empty if the backend does not say. Wakes a sleeping server.

        If a used slot now says that it never was used, the server has slept or restarted unnoticed.
        """
        props, generation = self._props, self.generation
        if props is None or not self._is_there or not self.can("slots"):
            return ()
        self._has_asked = True
        states = await ask_slots(self._asking.client, props.url, self.model)
        if not states or generation != self.generation:
            return ()  # it may be another start by now
        used = {state.id for state in self._states if not state.is_unused}
        if any(state.is_unused and state.id in used for state in states):
            self._emptied()
        self._states = states
        self.slots = tuple(state.tokens or 0 for state in states)
        self.woke()
        return states

    async def render(self, body: bytes) -> str | None:
        """The text that the template makes of a prompt; None if the backend cannot be asked."""
        props = self._props
        if props is None or not self.can("render"):
            return None
        return await rendered(self._asking.client, props.url, body, self.model)

    def woke(self) -> None:
        """It has answered something that a sleeping server does not answer."""
        if self._props is not None and self._props.is_sleeping:
            self._props = replace(self._props, is_sleeping=False)

    def should_ask(self) -> bool:
        """Whether there is something to learn that was not asked for just now or too often."""
        if self.is_learnt or not self._tries or time.monotonic() - self._asked_s < _AGAIN_S:
            return False
        return self.silence is not Silence.NO_LLAMA_SERVER

    async def ask_template(self) -> None:
        """Learn what the server is, what its slots hold and what the template does; the last is asked once for
        each template, whichever model has it. A sleeping server is not woken: we learn the rest once it has
        answered a request."""
        async with self._learning:
            await self.look()
            self._asked_s = time.monotonic()
            props = self._props
            if props is None or self.silence is not None:
                self.template = UNKNOWN
                return
            self._tries -= self._tries > 0
            known = self._asking.templates
            key = blake2b(props.template.encode("utf-8", "surrogatepass")).digest()
            if not props.is_sleeping:
                if props.total and not self.slots:
                    await self.slot_states()
                if key not in known and self.can("render"):
                    facts = await ask_template(self._asking.client, props.url, self.model)
                    if facts != UNKNOWN:
                        known[key] = facts
            self.template = known.get(key, UNKNOWN)
