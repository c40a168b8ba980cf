"""Asks a backend everything that `warmprefix doctor` wants to know. Changes nothing on it.

Only the question of experiment.py uses a slot; it is asked only on request.
"""

import ssl
from dataclasses import replace
from datetime import date
from urllib.parse import urlsplit

import httpx

from warmprefix.backends import lemonade
from warmprefix.backends.answers import Answer, Json, members, objects, text, whole
from warmprefix.backends.ask_engine import ask_engine
from warmprefix.backends.ask_lemonade import ask_lemonade
from warmprefix.backends.base import Kind
from warmprefix.backends.client import Asker
from warmprefix.backends.experiment import experiment
from warmprefix.backends.probe import NO_BUILD, identify
from warmprefix.backends.reasons import reason_of
from warmprefix.backends.slot_files import can_save
from warmprefix.backends.template_probes import ask_features
from warmprefix.backends.trust import distrusted
from warmprefix.core.doctor.facts import (
    Facts,
    LemonadeFacts,
    ServerFacts,
    State,
    Switch,
    TemplateFeatures,
)
from warmprefix.core.errors import Unreachable

_LIMIT_S = 5.0  # these answers need no model; 5 seconds allow for a machine that is busy with one
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


async def ask(
    url: str,
    api_key: str | None = None,
    *,
    probe: bool = False,
    today: date | None = None,
    trusted: ssl.SSLContext | None = None,
) -> Facts:
    """What the backend at `url` says of itself. Raises Unreachable if nothing answers there.

    `api_key` is sent if it asks for one. `probe`: also measure on an idle slot. `trusted`: its certificates.
    """
    async with Asker(_LIMIT_S, trusted=trusted) as client:
        try:
            locked = await _is_locked(client, url)
            if locked and api_key:
                client.headers.append((b"Authorization", f"Bearer {api_key}".encode()))
            kind, _ = await identify(client, url)
            facts = await _facts(client, url, kind)
        except httpx.HTTPError as error:
            raise distrusted(url, error) or Unreachable(f"{url} ({reason_of(error)})") from error
        server = facts.server
        if server is not None and server.state == "ready":
            server = await _asked_more(client, server, kind, today or date.today())
            if probe and "evaluate" in kind.can:
                server = replace(server, probe=await experiment(client, server.url))
        return replace(facts, locked=locked, server=server)


async def _is_locked(client: Asker, url: str) -> bool:
    """Whether it asks for a key: llama-server guards /props, Lemonade all of its API."""
    statuses = [(await client.get(url + path)).status_code for path in ("/props", "/api/v1/health")]
    return any(status in (401, 403) for status in statuses)


async def _facts(client: Asker, url: str, kind: Kind) -> Facts:
    models = _names(await client.get(f"{url}/v1/models"))
    facts = Facts(url, kind.name, models=models, counts="counts" in kind.can)
    if kind is lemonade.KIND:
        is_local = urlsplit(url).hostname in _LOOPBACK
        own = await ask_lemonade(client, url, is_local=is_local)
        return replace(facts, lemonade=own, server=await _behind(client, own))
    if kind.engine is not None:
        return replace(facts, engine=await ask_engine(client, url, kind.engine))
    if "props" in kind.can and kind.inner is None:
        return replace(facts, server=await _server(client, url))
    return facts


async def _behind(client: Asker, own: LemonadeFacts) -> ServerFacts | None:
    """The llama-server of the model that was used last, if this machine can reach it."""
    model = own.loaded[0] if own.loaded else None
    if model is None or model.url is None or not own.is_local:
        return None
    if urlsplit(model.url).hostname not in _LOOPBACK:
        return None  # it is always on Lemonade's own machine; we ask nothing else
    try:
        return replace(await _server(client, model.url), arguments=model.arguments)
    except httpx.HTTPError:
        return None


async def _server(client: Asker, url: str) -> ServerFacts:
    response = await client.get(f"{url}/props")
    props = members(response)
    settings = props.get("default_generation_settings")
    return ServerFacts(
        url=url,
        state=_state(response.status_code, props),
        build=None if props.get("build_info") == NO_BUILD else text(props.get("build_info")),
        model=text(props.get("model_alias")),
        slots=whole(props.get("total_slots")),
        context_tokens=whole(settings.get("n_ctx")) if isinstance(settings, dict) else None,
        template=TemplateFeatures(can_preserve=_can_preserve(props)),
    )


def _can_preserve(props: Json) -> bool:
    capabilities = props.get("chat_template_caps")
    return (
        isinstance(capabilities, dict) and capabilities.get("supports_preserve_reasoning") is True
    )


def _state(status: int, props: Json) -> State:
    if status in (401, 403):
        return "locked"
    if status == 503:
        return "loading"
    if props.get("role") == "router":
        return "router"
    return "asleep" if props.get("is_sleeping") is True else "ready"


async def _asked_more(client: Asker, server: ServerFacts, kind: Kind, today: date) -> ServerFacts:
    """What a ready llama-server shows besides /props, if its kind has that."""
    server = replace(server, metrics_page=await _page(client, f"{server.url}/metrics"))
    if "slots" in kind.can:
        server = replace(server, slots_page=await _page(client, f"{server.url}/slots"))
    if "save" in kind.can:
        saving: dict[bool | None, Switch] = {True: "on", False: "off", None: "unknown"}
        server = replace(server, slot_saving=saving[await can_save(client, server.url)])
    if "render" in kind.can:
        known = server.template or TemplateFeatures()
        features = await ask_features(client, server.url, today)
        server = replace(server, template=replace(features, can_preserve=known.can_preserve))
    return server


async def _page(client: Asker, url: str) -> Switch:
    """llama-server answers 501 for a page that it was started without. A busy one answers late or not at
    all."""
    try:
        status = (await client.get(url)).status_code
    except httpx.HTTPError:
        return "unknown"
    if status == 200:
        return "on"
    return "off" if status == 501 else "unknown"


def _names(response: Answer) -> tuple[str, ...]:
    """The ids of a list of models."""
    ids = [text(model.get("id")) for model in objects(members(response).get("data"))]
    return tuple(name for name in ids if name is not None)
