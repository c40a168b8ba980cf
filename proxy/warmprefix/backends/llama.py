"""What a llama-server does besides answering chats: tokenize and read ahead."""

from dataclasses import dataclass
from math import inf

import httpx

from warmprefix.backends.client import Asker
from warmprefix.backends.probe import page

_LIMIT_S = 5.0  # these answers need no model
_READS_S = inf  # some hundred tokens take seconds without a GPU


@dataclass(frozen=True, slots=True)
class Llama:
    """A llama-server at `url`. Every result is None, or empty, if it does not answer. `model`: for a router,
    which passes the question to the server of that model and loads none for it.
    """

    client: Asker
    url: str
    model: str = ""

    async def tokenize(self, text: str) -> tuple[int, ...]:
        """The tokens of a rendered prompt, as the chat endpoint makes them (server-context.cpp:5416)."""
        body = {"content": text, "add_special": True, "parse_special": True}
        found = (await self._post("/tokenize", body, _LIMIT_S)).get("tokens")
        return tuple(found) if isinstance(found, list) else ()

    async def evaluate(self, slot: int, tokens: tuple[int, ...], model: str | None) -> int | None:
        """Read these tokens into a slot; returns how many it had to evaluate. Cancelling closes the connection.

        With `n_predict` 0 one token is drawn, but none is kept (measured: the slot then holds the prompt).
        """
        body = {"prompt": tokens, "n_predict": 0, "cache_prompt": True, "id_slot": slot}
        named = body if model is None else {**body, "model": model}
        timings = (await self._post("/completion", named, _READS_S)).get("timings")
        evaluated = timings.get("prompt_n") if isinstance(timings, dict) else None
        return evaluated if isinstance(evaluated, int) else None

    async def _post(self, path: str, body: dict[str, object], limit_s: float) -> dict[str, object]:
        named = {**body, "model": self.model} if self.model else body
        address = page(self.url, path, self.model)
        try:
            response = await self.client.post(address, named, limit_s)
            value = response.json() if response.status_code == 200 else None
        except (httpx.HTTPError, ValueError):
            return {}
        return value if isinstance(value, dict) else {}
