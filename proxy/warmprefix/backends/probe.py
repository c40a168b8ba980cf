"""Asks a backend what it is."""

from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlencode

import httpx

from warmprefix.backends.answers import members, text, whole
from warmprefix.core.errors import Unreachable
from warmprefix.core.slots.state import SlotState, slot_states

_LIMIT_S = 2.0  # these answers need no model; a server that takes longer is not ready


async def identify(client: httpx.AsyncClient, url: str) -> str:
    """The kind of the backend at `url`: "llamacpp", "lemonade" or "openai-compatible".

    Lemonade's health lists the loaded models, or asks for a key in its own words; its `/props` is missing or
    a page. llama-server has `/props`. Raises Unreachable while nothing there answers.
    """
    try:
        health = await client.get(f"{url}/api/v1/health", timeout=_LIMIT_S)
        if "all_models_loaded" in members(health) or _asks_as_lemonade(health):
            return "lemonade"
        props = await client.get(f"{url}/props", timeout=_LIMIT_S)
        if "total_slots" in members(props) or _names_llama_server(props):
            return "llamacpp"
    except httpx.HTTPError as error:
        raise Unreachable(f"{url}: {error!r}") from error
    return "openai-compatible"


class Silence(Enum):
    """Why there are no properties."""

    GONE = "it does not answer"
    LOADING = "it is loading its model"
    LOCKED = "it wants a key"
    UNLOADED = "the model is not loaded"
    ROUTER = "it has several models, each with properties of its own"
    NO_LLAMA_SERVER = "it is no llama-server"


@dataclass(frozen=True, slots=True)
class Props:
    """What a llama-server says of itself. `marker` is another one at every start of it; `model`: the path
    of its file; `total`: how many slots it has, 0 if it does not say or does not show them."""

    url: str
    template: str
    marker: str | None
    model: str | None = None
    says: tuple[str, ...] = ()
    """Model, its alias, build, template and context size: what a saved slot must fit. Empty where one is not
    said."""
    total: int = 0
    is_sleeping: bool = False


async def props_of(client: httpx.AsyncClient, url: str, model: str = "") -> Props | Silence:
    """The llama-server at `url`, or behind it. It wakes no server that sleeps, and loads no model.

    Lemonade has no `/props` itself, but its health names the llama-server of each loaded model; the
    most recently used one answers the next request for it. `model`: of a router.
    """
    try:
        answer = await client.get(page(url, "/props", model), timeout=_LIMIT_S)
        props = members(answer)
        if "chat_template" in props:
            return _props(url, props)
        why = _silence(answer, props, model)
        if why is not Silence.NO_LLAMA_SERVER:
            return why
        health = await client.get(f"{url}/api/v1/health", timeout=_LIMIT_S)
        behind = _llama_server_of(members(health))
        if behind is None:
            return _silence(health, {}, model)
        answer = await client.get(f"{behind}/props", timeout=_LIMIT_S)
        return _props(behind, members(answer))
    except httpx.HTTPError:
        return Silence.GONE


def page(url: str, path: str, model: str = "") -> str:
    """The address of a page; `model`: as a router takes it, which loads no model for it."""
    return (
        f"{url}{path}?{urlencode({'model': model, 'autoload': 'false'})}" if model else url + path
    )


def _props(url: str, props: dict[str, object]) -> Props | Silence:
    template = props.get("chat_template")
    if not isinstance(template, str):
        return Silence.NO_LLAMA_SERVER
    shows = props.get("endpoint_slots") is not False  # older builds do not say so
    return Props(
        url,
        template,
        text(props.get("media_marker")),
        text(props.get("model_path")),
        _says(props),
        (whole(props.get("total_slots")) or 0) if shows else 0,
        props.get("is_sleeping") is True,
    )


def _silence(answer: httpx.Response, props: dict[str, object], model: str) -> Silence:
    if answer.status_code in (401, 403):
        return Silence.LOCKED
    if answer.status_code == 503:
        return Silence.LOADING
    if model:
        return Silence.UNLOADED
    return Silence.ROUTER if props.get("role") == "router" else Silence.NO_LLAMA_SERVER


def _says(props: dict[str, object]) -> tuple[str, ...]:
    settings = props.get("default_generation_settings")
    if not isinstance(settings, dict) or "n_ctx" not in settings:
        return ()
    names = ("model_path", "model_alias", "build_info", "chat_template")
    return (*(str(props.get(name)) for name in names), str(settings["n_ctx"]))


async def ask_slots(client: httpx.AsyncClient, url: str, model: str = "") -> tuple[SlotState, ...]:
    """Every slot as it is now; empty if `/slots` is off or not understood. It wakes a server that sleeps,
    and puts off the sleep of one that does not."""
    try:
        response = await client.get(page(url, "/slots", model), timeout=_LIMIT_S)
        return slot_states(response.json()) if response.status_code == 200 else ()
    except (httpx.HTTPError, ValueError):
        return ()


def _llama_server_of(health: dict[str, object]) -> str | None:
    loaded = health.get("all_models_loaded")
    models = [m for m in loaded if isinstance(m, dict)] if isinstance(loaded, list) else []
    models = [m for m in models if m.get("recipe") == "llamacpp" and m.get("type") == "llm"]
    latest = max(models, key=lambda m: m.get("last_use") or 0, default={})
    url = latest.get("backend_url")
    return url.removesuffix("/v1") if isinstance(url, str) else None


def _asks_as_lemonade(response: httpx.Response) -> bool:
    """Without its API key Lemonade shows nothing of itself (server.cpp:871-1050; 2026.39.1 says the same)."""
    return response.status_code == 401 and b'"Invalid or missing API key"' in response.content


def _names_llama_server(response: httpx.Response) -> bool:
    """With an API key set, or while it loads, llama-server hides /props but names itself."""
    return bool(response.headers.get("server") == "llama.cpp")
