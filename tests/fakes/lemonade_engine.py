"""The model behind the Lemonade double: the loaded model, what it holds, and inference requests.

Source: https://github.com/lemonade-sdk/lemonade at e385039ed, observed live. Routing and access rules
are in lemonade.py.
"""

import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from tests.fakes import lemonade_errors as errors
from tests.fakes import lemonade_shapes as shapes
from tests.fakes import lemonade_wire as wires
from tests.fakes.lemonade_cache import Counts, Slots, forwarded, render, spoken, text_of
from tests.fakes.lemonade_shapes import Reply
from tests.fakes.lemonade_wire import Wire
from tests.fakes.scripted import Step, Wait
from tests.fakes.scripted_replies import JsonObject

ReplyTo = Callable[[JsonObject], str | Reply]

SHAPES: Mapping[str, Callable[[str, Reply, Counts], JsonObject]] = {
    "chat/completions": shapes.chat,
    "completions": shapes.completion,
    "responses": shapes.response,
    "/v1/messages": shapes.anthropic,
    "/api/chat": shapes.ollama,
}
"""Inference endpoints and their answers that are not streamed."""


@dataclass(frozen=True)
class LemonadeOptions:
    """How the double is set up. `ping_every_s=None` is v11.7.0 and before: no heartbeat.

    Limits of a connection: 5 s idle, 100 requests (cpp-httplib defaults as seen in `Keep-Alive`).
    `erase_after_idle_s` is the idle downsize of `auto_evict` (60 s there, off by default). `saves_slots`:
    llama-server was started with `--slot-save-path`, which every action on a slot needs.
    """

    models: tuple[str, ...] = ("Qwen3-0.6B-GGUF", "gemma-270m-Q4_K_M")
    aliases: Mapping[str, str] = field(default_factory=dict)
    loaded: str | None = None
    api_key: str | None = None
    admin_api_key: str | None = None
    allowed_origins: tuple[str, ...] = ()
    context_tokens: int = 32768
    characters_per_token: int = 1
    slots: int = 1
    saves_slots: bool = False
    prefill_s: float = 0.0
    delta_s: float = 0.0
    ping_every_s: float | None = None
    idle_timeout_s: float = 5.0
    max_requests: int = 100
    erase_after_idle_s: float | None = None
    clock: Callable[[], float] = time.monotonic


class Refused(Exception):
    """The request ends here, with this answer."""

    def __init__(self, status: int, body: JsonObject, *, in_stream: bool = False) -> None:
        super().__init__(body)
        self.status = status
        self.body = body
        self.in_stream = in_stream


class Engine:
    """One loaded model at a time; `seen`, `prompts` and `counts` grow by one per evaluated request."""

    def __init__(self, options: LemonadeOptions, reply: ReplyTo) -> None:
        self.options = options
        self.reply = reply
        self.loaded: str | None = None
        self.stats = shapes.Stats()
        self.seen: list[JsonObject] = []
        self.prompts: list[str] = []
        self.counts: list[Counts] = []
        self.failures: deque[errors.Failure] = deque()
        self._used_at = options.clock()
        self.load(options.loaded)

    def load(self, model: str | None) -> None:
        """A model that is not loaded starts another llama-server: all caches are lost."""
        if model != self.loaded or model is None:
            self.slots = Slots(self.options.slots, self.options.characters_per_token)
        self.loaded = model

    def resolve(self, name: str) -> str:
        """The model meant by a name: `:latest` stripped, alias followed."""
        plain = name.removesuffix(":latest")
        known = self.options.aliases.get(plain, plain)
        if known not in self.options.models:
            raise Refused(404, errors.model_not_found(name, self.options.models))
        return known

    def infer(self, endpoint: str, wire: Wire) -> list[Step]:
        """The answer to a POST on an inference endpoint."""
        try:
            return self._infer(endpoint, wire, parse(endpoint, wire.request.body))
        except Refused as refused:
            if refused.in_stream:
                return wires.streamed(wire, wires.error_event(refused.body))
            return wires.answered(wire, refused.status, refused.body)
        except (AttributeError, KeyError, TypeError) as error:
            return wires.answered(wire, 500, {"error": repr(error)})

    def _infer(self, endpoint: str, wire: Wire, request: JsonObject) -> list[Step]:
        stream = request.get("stream", endpoint == "/api/chat") is True
        name = self._named(request, stream=stream)
        model = self.resolve(name)
        self._wake(model)
        sent = forwarded(request, model)
        prompt = self._prompt(endpoint, sent, stream=stream)
        said = self.reply(sent)
        reply = said if isinstance(said, Reply) else Reply(said)
        counts = self.slots.run(prompt, spoken_by(reply), sent)
        self.seen.append(sent)
        self.prompts.append(prompt)
        self.counts.append(counts)
        if stream:
            return self._streamed(endpoint, wire, sent, reply, counts)
        return self._answered(wire, SHAPES[endpoint](name, reply, counts), counts)

    def _named(self, request: JsonObject, *, stream: bool) -> str:
        if "model" in request:
            return request["model"] or ""
        if self.loaded is None:
            raise Refused(400, {"error": errors.NOTHING_LOADED})
        raise Refused(400, errors.no_model(), in_stream=stream)

    def _wake(self, model: str) -> None:
        """Load the model, after the idle erase if that is switched on and due."""
        now, limit = self.options.clock(), self.options.erase_after_idle_s
        if limit is not None and now - self._used_at > limit:
            self.slots.erase()
        self._used_at = now
        self.load(model)

    def _prompt(self, endpoint: str, sent: JsonObject, *, stream: bool) -> str:
        if endpoint == "completions":
            return "<s>" + text_of(sent.get("prompt"))
        messages = messages_of(endpoint, sent)
        if not isinstance(messages, list):
            refuse(errors.NO_MESSAGES, stream=stream)
        wanted = sent.get("n") or 1
        if wanted > self.options.slots:
            refuse(errors.too_many_replies(wanted, self.options.slots), stream=stream)
        prompt = render({**sent, "messages": messages})
        tokens = self.slots.tokens(prompt)
        if tokens >= self.options.context_tokens:
            refuse(errors.overflow(tokens, self.options.context_tokens), stream=stream)
        return prompt

    def _answered(self, wire: Wire, body: JsonObject, counts: Counts) -> list[Step]:
        if self.failures:
            failure = self.failures.popleft()
            return wires.answered(wire, failure.status, failure.body)
        self.stats.record(counts, usage_seen="usage" in body)
        wait: list[Step] = [Wait(self.options.prefill_s)] if self.options.prefill_s else []
        return [*wait, *wires.answered(wire, 200, body)]

    def _streamed(
        self, endpoint: str, wire: Wire, sent: JsonObject, reply: Reply, counts: Counts
    ) -> list[Step]:
        model, asked = (
            sent["model"],
            (sent.get("stream_options") or {}).get("include_usage") is True,
        )
        match endpoint:
            case "chat/completions":
                lines = wires.chat_lines(model, reply, counts, include_usage=asked)
            case "completions":
                lines, asked = wires.completion_lines(model, reply, counts), True
            case "/v1/messages":
                lines, asked = wires.anthropic_lines(model, reply), False
            case _:
                raise Refused(501, {"error": f"the double does not stream {endpoint}"})
        wait = wires.prefill(self.options.prefill_s, self.options.ping_every_s)
        if self.failures:
            failure = self.failures.popleft()
            lines = lines[: 1 + failure.after_deltas]
            end = wires.error_event(failure.body)
        else:
            self.stats.record(counts, usage_seen=asked)
            end = []
        return wires.streamed(wire, [*wait, *wires.events(lines, self.options.delta_s), *end])


def parse(endpoint: str, body: bytes) -> JsonObject:
    """The request; chat words its refusals, the other endpoints answer 500."""
    status = 400 if endpoint == "chat/completions" else 500
    if not body:
        raise Refused(status, {"error": errors.EMPTY_BODY})
    try:
        request = json.loads(body, parse_constant=refuse_constant)
        json.dumps(request, ensure_ascii=False).encode()
    except ValueError:
        raise Refused(status, {"error": errors.BAD_JSON}) from None
    if not isinstance(request, dict):
        raise Refused(500, {"error": errors.NO_OBJECT})
    return request


def refuse_constant(name: str) -> NoReturn:
    """NaN and the infinities are not JSON for nlohmann/json."""
    raise ValueError(name)


def refuse(refusal: errors.Refusal, *, stream: bool) -> NoReturn:
    """llama-server's refusal in the wording of this kind of answer."""
    body = refusal.stream_body() if stream else refusal.answer_body()
    raise Refused(refusal.code, body, in_stream=stream)


def messages_of(endpoint: str, sent: JsonObject) -> Any:
    """The chat messages that a request of another dialect is turned into."""
    if endpoint == "responses":
        given = sent.get("input")
        spoken_now = [{"role": "user", "content": given}] if isinstance(given, str) else given
        return with_system(sent.get("instructions"), spoken_now)
    if endpoint == "/v1/messages":
        return with_system(sent.get("system"), sent.get("messages"))
    return sent.get("messages")


def with_system(text: Any, messages: Any) -> Any:
    """The messages after a system message, if there is one."""
    if not text or not isinstance(messages, list):
        return messages
    return [{"role": "system", "content": text_of(text)}, *messages]


def spoken_by(reply: Reply) -> str:
    """The reply as the template will show it in the next turn."""
    return spoken({"content": reply.text, **reply.message()})
