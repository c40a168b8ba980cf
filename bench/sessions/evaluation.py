"""A prompt that llama-server evaluates in the ordinary way, and a reply's text that is put behind it.

The Messages and the Responses API return neither the slot nor the rendered prompt. A server that is started
with `ENVIRONMENT` shows both at `/slots`.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

from bench.sessions.script import Json
from bench.sessions.wire import Answer, accepted, ask, post

ENVIRONMENT = {"LLAMA_SERVER_SLOTS_DEBUG": "1"}
"""Makes `/slots` show the prompt of each slot."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What llama-server did with a prompt. `answer`: what it said, with one token that it sampled itself.

    `slot`: None if another request has taken it since.
    """

    slot: int | None
    prompt: str
    cached_tokens: int
    processed_tokens: int
    answer: Json


def tokens_of(backend: str, text: str) -> list[int]:
    """The text's tokens."""
    body = {"content": text, "add_special": False, "parse_special": True}
    tokens: list[int] = accepted(post(f"{backend}/tokenize", body))["tokens"]
    return tokens


def evaluate(backend: str, path: str, asked: Json) -> Evaluated | Answer:
    """The prompt of a request to a native endpoint; llama-server's own answer if it refuses.

    It samples one token, however few are asked for, and does not evaluate it.
    """
    limit = "max_tokens" if path == "/v1/messages" else "max_output_tokens"
    answer = post(backend + path, {**asked, "stream": False, limit: 1})
    if answer.status != 200:
        return answer
    said = answer.json()
    cached, processed = _COUNTS[path](said["usage"])
    slot, prompt = _newest(backend, cached + processed)
    return Evaluated(slot, prompt, cached, processed, said)


def append(backend: str, slot: int, prompt: str, reported: int, text: str) -> int:
    """Evaluate the text behind the prompt, as if it were generated; returns how many tokens it has.

    The two are tokenized apart: a sampled token never merges with the prompt's last one.
    """
    before = tokens_of(backend, prompt)
    assert len(before) == reported, f"{len(before)} tokens, llama-server says {reported}"
    reply = tokens_of(backend, text)
    body = {"prompt": before + reply, "n_predict": 0, "id_slot": slot, "cache_prompt": True}
    kept = accepted(post(f"{backend}/completion", body))
    assert kept["id_slot"] == slot
    return len(reply)


def _newest(backend: str, tokens: int) -> tuple[int | None, str]:
    """The slot that was used last for a prompt of so many tokens, and that prompt."""
    slots: list[Json] = json.loads(ask("GET", f"{backend}/slots").body)
    used = [slot for slot in slots if slot.get("id_task", -1) >= 0]
    assert all("prompt" in slot for slot in used), "a server that was started without ENVIRONMENT"
    for slot in sorted(used, key=lambda slot: int(slot["id_task"]), reverse=True):
        if len(tokens_of(backend, slot["prompt"])) == tokens:
            return slot["id"], slot["prompt"]
    return None, ""


def _of_messages(usage: Json) -> tuple[int, int]:
    return usage["cache_read_input_tokens"], usage["input_tokens"]


def _of_responses(usage: Json) -> tuple[int, int]:
    cached = usage["input_tokens_details"]["cached_tokens"]
    return cached, usage["input_tokens"] - cached


_COUNTS: dict[str, Callable[[Json], tuple[int, int]]] = {
    "/v1/messages": _of_messages,
    "/v1/responses": _of_responses,
}
