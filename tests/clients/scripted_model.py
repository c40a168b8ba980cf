"""A backend whose words are scripted and whose KV cache is real.

A real llama-server renders every request by its own chat template and evaluates prompt and scripted
reply, so the reported counts are what a model that says exactly this would have cost. All other paths
are passed on to the llama-server as they are. What is said is decided by the test.
"""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError

from tests.clients.threaded_backend import (
    END_OF_REPLY,
    EVENTS,
    JSON,
    RESULT,
    Refused,
    ThreadedBackend,
)
from tests.fakes.llama import LlamaServer
from tests.fakes.scripted_replies import (
    chat_reply,
    chat_stream,
    dump,
    timings,
    tool_call_deltas,
    usage,
)

Json = dict[str, Any]
Say = Callable[[Json], Json]
"""A request's body to the assistant message that answers it."""

CHAT = "/v1/chat/completions"
TEMPLATE_FIELDS = ("messages", "tools", "tool_choice", "chat_template_kwargs", "reasoning_format")


@dataclass(frozen=True)
class Turn:
    """One chat completion: the body as it arrived, the scripted reply, and what llama-server counted."""

    body: bytes
    reply: Json
    prompt_tokens: int
    cached_tokens: int
    generated_tokens: int

    @property
    def request(self) -> Json:
        """The body as values."""
        request: Json = json.loads(self.body)
        return request

    @property
    def processed_tokens(self) -> int:
        """Tokens of the prompt that had to be evaluated."""
        return self.prompt_tokens - self.cached_tokens

    @property
    def offers_tools(self) -> bool:
        """Whether the model may call tools: an agent's conversation, not its housekeeping."""
        return bool(self.request.get("tools"))


class ScriptedModel(ThreadedBackend):
    """Chat completions are answered one at a time."""

    def __init__(self, llama: LlamaServer, say: Say) -> None:
        super().__init__()
        self.llama = llama
        self.say = say
        self.turns: list[Turn] = []
        self._one_at_a_time = threading.Lock()

    def respond(
        self, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[str, list[bytes]]:
        """Chat completions by the script, everything else by the llama-server."""
        del headers
        try:
            if body is None:
                return JSON, [self.llama.get(path)]
            if path == CHAT:
                return self.answer(body)
            return JSON, [self.llama.post(path, json.loads(body))]
        except HTTPError as error:
            raise Refused(error.code, error.read()) from None

    def answer(self, body: bytes) -> tuple[str, list[bytes]]:
        """Content type and arrivals of the answer to a chat completion."""
        request = json.loads(body)
        with self._one_at_a_time:
            turn = self._evaluate(body, request, self.say(request))
            self.turns.append(turn)
        return written(turn, request)

    def _evaluate(self, body: bytes, request: Json, reply: Json) -> Turn:
        messages = request["messages"]
        prompt = self._rendered(request, messages, opens_reply=True)
        # llama-server takes a reply at the end for the beginning of one, so a result stands after it
        longer = self._rendered(request, [*messages, reply, RESULT], opens_reply=False)
        said = longer[: longer.rindex(END_OF_REPLY)]
        assert said.startswith(prompt), "the template shows history differently under a reply"
        before = self._completed(prompt, request.get("id_slot", -1))
        after = self._completed(said, before["id_slot"])
        return Turn(
            body,
            reply,
            prompt_tokens=before["timings"]["prompt_n"] + before["timings"]["cache_n"],
            cached_tokens=before["timings"]["cache_n"],
            generated_tokens=after["tokens_evaluated"] - before["tokens_evaluated"],
        )

    def _rendered(self, request: Json, messages: list[Json], *, opens_reply: bool) -> str:
        body = {name: request[name] for name in TEMPLATE_FIELDS if name in request}
        body |= {"messages": messages, "add_generation_prompt": opens_reply}
        return str(json.loads(self.llama.post("/apply-template", body))["prompt"])

    def _completed(self, text: str, slot: int) -> Json:
        body = {"prompt": text, "n_predict": 0, "cache_prompt": True, "id_slot": slot}
        completed: Json = json.loads(self.llama.post("/completion", body))
        return completed


def written(turn: Turn, request: Mapping[str, Any]) -> tuple[str, list[bytes]]:
    """The turn as llama-server writes it: one JSON object, or a stream of events."""
    counts = (turn.processed_tokens, turn.cached_tokens, turn.generated_tokens)
    reply, model = turn.reply, request.get("model", "scripted")
    calls = reply.get("tool_calls", [])
    finish = "tool_calls" if calls else "stop"
    if not request.get("stream"):
        body = chat_reply(None, *counts, model=model, finish_reason=finish, message=reply)
        return JSON, [dump(body)]
    reasoning = reply.get("reasoning_content")
    text = reply.get("content") or ""
    events = chat_stream(
        [piece for piece in (text[:5], text[5:]) if piece],
        deltas=[{"reasoning_content": reasoning}] if reasoning else [],
        late_deltas=[delta for at, call in enumerate(calls) for delta in call_deltas(at, call)],
        include_usage=bool((request.get("stream_options") or {}).get("include_usage")),
        usage=usage(*counts),
        timings=timings(*counts),
        model=model,
        finish_reason=finish,
    )
    return EVENTS, events


def call_deltas(index: int, call: Json) -> list[Json]:
    """A scripted tool call, its arguments in two pieces."""
    arguments = call["function"]["arguments"]
    pieces = [arguments[:7], arguments[7:]]
    return tool_call_deltas(call["function"]["name"], pieces, call["id"], index=index)
