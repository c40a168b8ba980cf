"""A llama-server that starts one server for each model (`--models-preset`, `--models-dir`), and its models."""

from dataclasses import dataclass

import httpx

from warmprefix.backends.answers import Json, members, objects, text, whole
from warmprefix.backends.client import Asker

_LIMIT_S = 2.0  # these answers need no model
_RUNNING = frozenset({"loaded", "sleeping"})


@dataclass(frozen=True, slots=True)
class Listed:
    """One model of a router. A request may name it by any of its aliases."""

    name: str
    aliases: tuple[str, ...]
    is_loaded: bool


@dataclass(frozen=True, slots=True)
class Router:
    """`most`: how many models it keeps loaded (`--models-max`), 0 if there is no limit."""

    models: tuple[Listed, ...]
    most: int


async def ask_router(client: Asker, url: str) -> Router | None:
    """The models of the router at `url`; None if it does not say. Loads none."""
    try:
        props = members(await client.get(f"{url}/props", _LIMIT_S))
        listed = members(await client.get(f"{url}/v1/models", _LIMIT_S)).get("data")
    except httpx.HTTPError:
        return None
    models = [_listed(model) for model in objects(listed)]
    most = max(whole(props.get("max_instances")) or 0, 0)
    found = tuple(model for model in models if model is not None)
    return Router(found, most) if props.get("role") == "router" else None


def _listed(model: Json) -> Listed | None:
    name, aliases, status = text(model.get("id")), model.get("aliases"), model.get("status")
    if name is None:
        return None
    others = [text(alias) for alias in aliases] if isinstance(aliases, list) else []
    state = status.get("value") if isinstance(status, dict) else None
    return Listed(name, tuple(alias for alias in others if alias), state in _RUNNING)
