"""Saving and restoring of a llama-server's slots, and what must be the same for a file to fit."""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from warmprefix.backends.answers import Answer
from warmprefix.backends.client import Asker
from warmprefix.backends.key import BackendKey
from warmprefix.backends.probe import page
from warmprefix.backends.reasons import reason_of
from warmprefix.core.errors import BackendError, Disconnected

_LIMIT_S = 2.0  # answers that need no model
_SUCCESS, _NOT_SUPPORTED, _BAD_REQUEST = 200, 501, 400
_REFUSED = (401, 403)


@dataclass(frozen=True, slots=True)
class Moved:
    """What was written to a file or read from it."""

    tokens: int
    size_bytes: int


class SlotsApi:
    """The calls that save and restore. `url` is always the address of a llama-server; `model`: for a router.
    Every call wakes a sleeping server; none loads a model."""

    def __init__(
        self,
        key: BackendKey | None = None,
        model: str = "",
        trusted: ssl.SSLContext | None = None,
    ) -> None:
        self._client = Asker(key=key, trusted=trusted)
        self._model = model

    async def can_save(self, url: str) -> bool | None:
        """Whether the server was started with --slot-save-path; None while it does not say."""
        return await can_save(self._client, url, self._model)

    async def traits(self, url: str) -> tuple[str, ...] | None:
        """What else decides whether a saved slot fits: the model's size and shape, and its adapters.

        None if the server does not say. The file itself is only checked for its shape.
        """
        try:
            models, adapters = await asyncio.gather(  # a request may wait, once per start
                self._json(f"{url}/v1/models"),
                self._client.get(page(url, "/lora-adapters", self._model), _LIMIT_S),
            )
            listed = models["data"]
            own = [one for one in listed if one["id"] == self._model] if self._model else listed
            meta = own[0].get("meta")
        except (httpx.HTTPError, ValueError, LookupError, TypeError, AttributeError):
            return None
        if adapters.status_code in _REFUSED or (self._model and meta is None):
            return None
        return (_sorted(meta), adapters.text)

    async def _json(self, address: str) -> Any:
        return (await self._client.get(address, _LIMIT_S)).json()

    async def save(self, url: str, slot: int, name: str, limit_s: float) -> Moved:
        """Write an idle slot to a file. Raises BackendError."""
        answer = await self._ask(url, slot, "save", name, limit_s)
        return _moved(answer, "n_saved", "n_written")

    async def restore(self, url: str, slot: int, name: str, limit_s: float) -> Moved:
        """Read a file into an idle slot. Raises BackendError; the slot is then empty."""
        answer = await self._ask(url, slot, "restore", name, limit_s)
        return _moved(answer, "n_restored", "n_read")

    async def erase(self, url: str, slot: int) -> None:
        """Empty an idle slot. Raises BackendError."""
        await self._ask(url, slot, "erase", "", _LIMIT_S)

    async def _ask(
        self, url: str, slot: int, action: str, name: str, limit_s: float
    ) -> dict[str, object]:
        address = f"{url}/slots/{slot}?action={action}"
        try:
            answer = await _act(self._client, url, slot, action, name, limit_s, self._model)
            value = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise Disconnected(f"{address}: {reason_of(error)}") from error
        if answer.status_code != _SUCCESS or not isinstance(value, dict):
            raise BackendError(f"{address}: {answer.status_code} {answer.text[:200]}")
        return value

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


async def can_save(client: Asker, url: str, model: str = "") -> bool | None:
    """Whether a llama-server was started with --slot-save-path; None while it does not say.

    An empty file name is refused with 400 before anything is done; 501 means that saving is off. Checked with
    xllamacpp 2026.10.11549: nothing is written, and the slot keeps what it holds.
    """
    try:
        answer = await _act(client, url, 0, "save", "", _LIMIT_S, model)
    except httpx.HTTPError:
        return None
    if model and "not loaded" in answer.text:
        return None  # a router answers 400 as well
    return {_BAD_REQUEST: True, _NOT_SUPPORTED: False}.get(answer.status_code)


async def _act(
    client: Asker,
    url: str,
    slot: int,
    action: str,
    name: str,
    limit_s: float,
    model: str,
) -> Answer:
    address, body = f"{url}/slots/{slot}?action={action}", {"filename": name}
    if model:
        address, body = f"{address}&autoload=false", {**body, "model": model}
    return await client.post(address, body, limit_s)


def _sorted(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _moved(answer: dict[str, object], tokens: str, size: str) -> Moved:
    held, written = answer.get(tokens), answer.get(size)
    return Moved(held if isinstance(held, int) else 0, written if isinstance(written, int) else 0)
