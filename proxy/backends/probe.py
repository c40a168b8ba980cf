"""Asks a backend what it is."""

import asyncio
from dataclasses import dataclass

import httpx

from proxy.backends.answers import members, text
from proxy.core.errors import Unreachable
from proxy.core.slot_state import SlotState, slot_states

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


@dataclass(frozen=True, slots=True)
class Props:
    """What a llama-server says of itself. `marker` is another one at every start of it; `slots`: how
    many tokens each slot holds, empty where it does not say; `model`: the path of its file."""

    url: str
    template: str
    marker: str | None
    slots: tuple[int, ...] = ()
    model: str | None = None
    says: tuple[str, ...] = ()
    """Model, its alias, build, template and context size: what a saved slot must fit. Empty where one is not
    said."""


async def props_of(client: httpx.AsyncClient, url: str) -> Props | None:
    """The llama-server at `url`, or behind it; None where nobody says.

    Lemonade has no `/props` itself, but its health names the llama-server of each loaded model; the
    most recently used one answers the next request for it.
    """
    try:
        # Both at once: a request may wait for it.
        answer, slots = await asyncio.gather(
            client.get(f"{url}/props", timeout=_LIMIT_S), slot_tokens(client, url)
        )
        props = members(answer)
        if "chat_template" not in props:
            health = members(await client.get(f"{url}/api/v1/health", timeout=_LIMIT_S))
            behind = _llama_server_of(health)
            if behind is None:
                return None
            url = behind
            props = members(await client.get(f"{url}/props", timeout=_LIMIT_S))
            slots = await slot_tokens(client, url)
    except httpx.HTTPError:
        return None
    template = props.get("chat_template")
    if not isinstance(template, str):
        return None
    marker, model = text(props.get("media_marker")), text(props.get("model_path"))
    return Props(url, template, marker, slots, model, _says(props))


def _says(props: dict[str, object]) -> tuple[str, ...]:
    settings = props.get("default_generation_settings")
    if not isinstance(settings, dict) or "n_ctx" not in settings:
        return ()
    names = ("model_path", "model_alias", "build_info", "chat_template")
    return (*(str(props.get(name)) for name in names), str(settings["n_ctx"]))


async def ask_slots(client: httpx.AsyncClient, url: str) -> tuple[SlotState, ...]:
    """Every slot as it is now; empty if `/slots` is off or not understood. It wakes a server that sleeps,
    and puts off the sleep of one that does not."""
    try:
        response = await client.get(f"{url}/slots", timeout=_LIMIT_S)
        return slot_states(response.json()) if response.status_code == 200 else ()
    except (httpx.HTTPError, ValueError):
        return ()


async def slot_tokens(client: httpx.AsyncClient, url: str) -> tuple[int, ...]:
    """How many tokens each slot holds: prompt and reply but for the last token, 0 if nothing ran in it
    yet. Empty if `/slots` is off."""
    return tuple(state.tokens or 0 for state in await ask_slots(client, url))


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
