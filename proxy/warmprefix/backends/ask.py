"""Asks a backend everything that `warmprefix doctor` wants to know. Changes nothing on it.

The one question that uses a slot is experiment.py's, and is asked only where it is wanted.
"""

from dataclasses import replace
from datetime import date
from urllib.parse import urlsplit

import httpx

from warmprefix.backends.answers import Json, members, objects, text, whole
from warmprefix.backends.ask_lemonade import ask_lemonade
from warmprefix.backends.client import new_client
from warmprefix.backends.experiment import experiment
from warmprefix.backends.probe import identify
from warmprefix.backends.template_probes import ask_features
from warmprefix.core.doctor.facts import (
    Facts,
    LemonadeFacts,
    ServerFacts,
    State,
    Switch,
    TemplateFeatures,
)
from warmprefix.core.errors import Unreachable

_LIMIT_S = 5.0  # these answers need no model; 5 seconds are for a machine that is busy with one
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


async def ask(
    url: str, api_key: str | None = None, *, probe: bool = False, today: date | None = None
) -> Facts:
    """What the backend at `url` says of itself. Raises Unreachable where nothing answers there.

    `api_key` is used where it asks for one. `probe`: also measure on an idle slot.
    """
    async with new_client(_LIMIT_S) as client:
        try:
            locked = await _is_locked(client, url)
            if locked and api_key:
                client.headers["Authorization"] = f"Bearer {api_key}"
            facts = await _facts(client, url)
        except httpx.HTTPError as error:
            raise Unreachable(f"{url}: {error!r}") from error
        server = facts.server
        if server is not None and server.state == "ready":
            server = await _asked_more(client, server, probe, today or date.today())
        return replace(facts, locked=locked, server=server)


async def _is_locked(client: httpx.AsyncClient, url: str) -> bool:
    """Whether it wants a key: llama-server guards /props, Lemonade all of its API."""
    statuses = [(await client.get(url + path)).status_code for path in ("/props", "/api/v1/health")]
    return any(status in (401, 403) for status in statuses)


async def _facts(client: httpx.AsyncClient, url: str) -> Facts:
    kind = await identify(client, url)
    models = _names(await client.get(f"{url}/v1/models"))
    if kind == "llamacpp":
        return Facts(url, "llamacpp", models=models, server=await _server(client, url))
    if kind == "lemonade":
        is_local = urlsplit(url).hostname in _LOOPBACK
        lemonade = await ask_lemonade(client, url, is_local=is_local)
        server = await _behind(client, lemonade)
        return Facts(url, "lemonade", models=models, lemonade=lemonade, server=server)
    return Facts(url, "openai-compatible", models=models)


async def _behind(client: httpx.AsyncClient, lemonade: LemonadeFacts) -> ServerFacts | None:
    """The llama-server of the model that was used last, where this machine can reach it."""
    model = lemonade.loaded[0] if lemonade.loaded else None
    if model is None or model.url is None or not lemonade.is_local:
        return None
    if urlsplit(model.url).hostname not in _LOOPBACK:
        return None  # only ever on Lemonade's own machine; anything else is not to be asked
    try:
        return replace(await _server(client, model.url), arguments=model.arguments)
    except httpx.HTTPError:
        return None


async def _server(client: httpx.AsyncClient, url: str) -> ServerFacts:
    response = await client.get(f"{url}/props")
    props = members(response)
    settings = props.get("default_generation_settings")
    return ServerFacts(
        url=url,
        state=_state(response.status_code, props),
        build=text(props.get("build_info")),
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


async def _asked_more(
    client: httpx.AsyncClient, server: ServerFacts, probe: bool, today: date
) -> ServerFacts:
    """What a llama-server that is ready shows besides /props."""
    known = server.template or TemplateFeatures()
    features = await ask_features(client, server.url, today)
    return replace(
        server,
        slots_page=await _switch(client, "GET", f"{server.url}/slots"),
        metrics_page=await _switch(client, "GET", f"{server.url}/metrics"),
        slot_saving=await _slot_saving(client, server.url),
        template=replace(features, can_preserve=known.can_preserve),
        probe=await experiment(client, server.url) if probe else None,
    )


async def _slot_saving(client: httpx.AsyncClient, url: str) -> Switch:
    """An empty file name is refused with 400 before anything is done; 501 means that saving is off.

    Checked with xllamacpp 2026.10.11549: nothing is written, and the slot keeps what it holds.
    """
    return await _switch(client, "POST", f"{url}/slots/0?action=save", is_on=400)


async def _switch(client: httpx.AsyncClient, method: str, url: str, is_on: int = 200) -> Switch:
    """llama-server answers 501 for what it was started without. One that is busy answers late or not."""
    try:
        body = {"filename": ""} if method == "POST" else None
        status = (await client.request(method, url, json=body)).status_code
    except httpx.HTTPError:
        return "unknown"
    if status == is_on:
        return "on"
    return "off" if status == 501 else "unknown"


def _names(response: httpx.Response) -> tuple[str, ...]:
    """The ids of a list of models."""
    ids = [text(model.get("id")) for model in objects(members(response).get("data"))]
    return tuple(name for name in ids if name is not None)
