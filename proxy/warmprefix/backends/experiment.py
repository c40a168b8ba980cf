"""A small measured experiment on an idle slot: can the model go back to any token?

A prompt, then one that shares its first half. Full attention reuses the whole half; a model with a
sliding window or a recurrent state falls back to an earlier checkpoint (measured, gemma-3-270m: 300
of 300 with --swa-full, 83 without; llama.cpp server-context.cpp:3527-3614).
"""

import secrets

import httpx

from warmprefix.backends.answers import Json, number
from warmprefix.backends.client import Asker
from warmprefix.core.doctor.facts import Probe

_TOKENS, _SHARED, _OTHER = 600, 300, 40
_ROOM_TOKENS = 700  # what the slot must hold: the longer prompt, a token generated, some to spare
_LIMIT_S = 300.0  # 600 tokens on a slow processor, after a request that came in between
_ASK_S = 5.0


async def experiment(client: Asker, url: str) -> Probe:
    """The result, or why there is none."""
    try:
        slot = await _idle_slot(client, url)
        tokens = await _tokens(client, url)
        first = await _timings(client, url, tokens[:_TOKENS], slot)
        second = await _timings(
            client, url, tokens[:_SHARED] + tokens[_TOKENS : _TOKENS + _OTHER], slot
        )
    except Skip as reason:
        return Probe(problem=str(reason))
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        return Probe(problem=f"The experiment failed: {type(error).__name__}: {error}")
    read, took_ms = number(first.get("prompt_n")), number(first.get("prompt_ms"))
    return Probe(
        shared=_SHARED,
        cached=int(number(second["cache_n"])),
        rate=read / took_ms * 1000 if took_ms else None,
    )


class Skip(Exception):
    """The experiment cannot be made; the message is for the user."""


async def _idle_slot(client: Asker, url: str) -> int:
    """The idle slot that holds the least, as that is lost."""
    response = await client.get(f"{url}/slots", _ASK_S)
    slots = response.json() if response.status_code == 200 else None
    if not isinstance(slots, list):
        raise Skip(
            "It does not show its slots (llama-server --slots), so we cannot tell which is idle."
        )
    idle = [slot for slot in slots if not slot["is_processing"]]
    if not idle:
        raise Skip("No slot is idle.")
    chosen = min(idle, key=lambda slot: number(slot.get("n_prompt_tokens")))
    if number(chosen["n_ctx"]) < _ROOM_TOKENS:
        raise Skip(f"A slot has no room for the {_ROOM_TOKENS} tokens that it takes.")
    return int(chosen["id"])


async def _tokens(client: Asker, url: str) -> list[int]:
    """Tokens that no cache can hold: the text begins with random characters."""
    content = secrets.token_hex(8) + "".join(f" {n}" for n in range(_TOKENS + _OTHER))
    response = await client.post(f"{url}/tokenize", {"content": content}, _ASK_S)
    tokens = response.json()["tokens"]
    if not isinstance(tokens, list) or len(tokens) < _TOKENS + _OTHER:
        raise Skip("It split a text into too few tokens.")
    return [int(token) for token in tokens]


async def _timings(client: Asker, url: str, prompt: list[int], slot: int) -> Json:
    body = {"prompt": prompt, "n_predict": 1, "id_slot": slot, "cache_prompt": True}
    response = await client.post(f"{url}/completion", body, _LIMIT_S)
    if response.status_code != 200:
        raise Skip(f"It answered {response.status_code} to a prompt of {len(prompt)} tokens.")
    timings = response.json()["timings"]
    if not isinstance(timings, dict):
        raise TypeError("timings is not an object")
    return timings
