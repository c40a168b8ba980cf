"""Asks a backend what it is."""

import httpx

from proxy.core.errors import Unreachable

_LIMIT_S = 2.0  # these answers need no model; a server that takes longer is not ready


async def identify(url: str, api_key: str | None = None) -> str:
    """The kind of the backend at `url`: "llamacpp", "lemonade" or "openai-compatible".

    llama-server has `/props` and Lemonade does not; Lemonade's health lists the loaded models
    (docs/operations.md). Raises Unreachable while nothing there answers.
    """
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    async with httpx.AsyncClient(timeout=_LIMIT_S, headers=headers, trust_env=False) as client:
        try:
            if _has(await client.get(f"{url}/api/v1/health"), "all_models_loaded"):
                return "lemonade"
            props = await client.get(f"{url}/props")
            if _has(props, "total_slots") or _names_llama_server(props):
                return "llamacpp"
        except httpx.HTTPError as error:
            raise Unreachable(f"{url}: {error!r}") from error
    return "openai-compatible"


def _has(response: httpx.Response, member: str) -> bool:
    try:
        value = response.json()
    except ValueError:
        return False
    return response.status_code == 200 and isinstance(value, dict) and member in value


def _names_llama_server(response: httpx.Response) -> bool:
    """With an API key set, or while it loads, llama-server hides /props but names itself."""
    return bool(response.headers.get("server") == "llama.cpp")
