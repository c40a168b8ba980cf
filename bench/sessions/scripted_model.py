"""A model with scripted replies, in front of a real llama-server that evaluates all of them.

For a request for a reply llama-server first evaluates the prompt in the ordinary way: its own parsing, its
template, its choice of a slot, its cache. Those counts are recorded and reported. Then the text of the scripted
reply is evaluated after it in the same slot, so that the slot holds what a model that wrote this would have
left there. Every other request goes to llama-server unchanged.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

from bench.sessions.evaluation import append, evaluate
from bench.sessions.front import Front
from bench.sessions.native_wire import native_reply
from bench.sessions.reply_wire import event_stream, whole_reply
from bench.sessions.script import Json
from bench.sessions.wire import Answer, post


@dataclass(frozen=True, slots=True)
class Count:
    """What llama-server reported for one request. `label`: that given to `expect`."""

    label: str
    cached_tokens: int
    processed_tokens: int
    prompt: str


class ScriptedModel(Front):
    """Serves on `url`. `generated`: the text that the model writes for a message."""

    def __init__(self, backend: str, generated: Callable[[Json], str]) -> None:
        self.counts: list[Count] = []
        self.refused = 0
        self._generated = generated
        self._next: tuple[str, Json] | None = None
        super().__init__(backend)

    def expect(self, label: str, message: Json) -> None:
        """The reply to the next request for one."""
        self._next = (label, message)

    def chat(self, body: bytes) -> Answer:
        """The scripted reply, or llama-server's own refusal."""
        assert self._next is not None, "a chat completion that no script expects"
        (label, message), self._next = self._next, None
        asked = json.loads(body)
        asked["messages"] = [_with_marks(message) for message in asked["messages"]]
        prompt_only = {**asked, "stream": False, "max_tokens": 0, "verbose": True}
        prompt_only.pop("stream_options", None)
        answer = post(f"{self.backend}/v1/chat/completions", prompt_only)
        if answer.status != 200:
            self.refused += 1
            return answer
        evaluated = answer.json()
        timings = evaluated["timings"]
        prompt = evaluated["__verbose"]["prompt"]
        self.counts.append(Count(label, timings["cache_n"], timings["prompt_n"], prompt))
        slot, reported = evaluated["__verbose"]["id_slot"], evaluated["usage"]["prompt_tokens"]
        generated = append(self.backend, slot, prompt, reported, self._generated(message))
        # One more than the slot holds, as in a real generation: its last token is sampled and never evaluated.
        evaluated["usage"] |= {"completion_tokens": generated + 1}
        evaluated["timings"] |= {"predicted_n": generated + 1}
        write = event_stream if asked.get("stream") else whole_reply
        return write(message, evaluated, asked)

    def native(self, path: str, body: bytes) -> Answer:
        """The same for the Messages and the Responses API, in the endpoint's own shape."""
        assert self._next is not None, "a request that no script expects"
        (label, message), self._next = self._next, None
        asked = json.loads(body)
        found = evaluate(self.backend, path, asked)
        if isinstance(found, Answer):
            self.refused += 1
            return found
        cached, processed = found.cached_tokens, found.processed_tokens
        self.counts.append(Count(label, cached, processed, found.prompt))
        assert found.slot is not None, "two requests at once"
        text = self._generated(message)
        generated = append(self.backend, found.slot, found.prompt, cached + processed, text)
        return native_reply(
            path, message, found, generated + 1, is_stream=bool(asked.get("stream"))
        )


def _with_marks(message: Json) -> Json:
    """A message with a text in the place of each picture, for a model that sees none."""
    content = message.get("content")
    if not isinstance(content, list):
        return message
    return {**message, "content": [_mark(part) for part in content]}


def _mark(part: Json) -> Json:
    if part.get("type") != "image_url":
        return part
    return {"type": "text", "text": f"[picture: {part['image_url']['url']}]"}
