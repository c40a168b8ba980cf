"""The endpoints of a llama-server whose words are scripted, and whose KV cache is real: `/v1/messages`,
`/v1/responses` and `/v1/chat/completions`.

llama-server itself makes the prompt of each request and reads it (one token is generated, which nobody sees).
The text it has read stands in `/slots`, if it was started with `LLAMA_SERVER_SLOTS_DEBUG=1`; that text and the
scripted reply, written as the template writes a reply, are then evaluated in the same slot. So the slot holds
what a model that says exactly this would have left, and the counts are llama-server's own. All other paths are
passed on as they are, and so is every error.
"""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.clients import chat_replies as chat
from tests.clients import endpoint_replies as wire
from tests.clients.endpoint_replies import Call, Counts, Json, Reply
from tests.clients.threaded_backend import (
    END_OF_REPLY,
    EVENTS,
    JSON,
    RESULT,
    Refused,
    ThreadedBackend,
)
from tests.servers.stock import StockServer

DEBUG = {"LLAMA_SERVER_SLOTS_DEBUG": "1"}
"""What the llama-server needs in its environment."""

LIMIT_S = 300.0  # 100,000 tokens on a busy machine
QUESTION = {"role": "user", "content": "?"}


@dataclass(frozen=True)
class Endpoint:
    """What differs between them. `events` is also told what was asked."""

    limit: str
    counts: Callable[[Mapping[str, Any]], tuple[int, int]]
    whole: Callable[[Reply, Counts, int], Json]
    events: Callable[[Reply, Counts, int, Json], list[bytes]]


def _messages_counts(usage: Mapping[str, Any]) -> tuple[int, int]:
    cached = usage["cache_read_input_tokens"]
    return cached + usage["input_tokens"], cached


def _responses_counts(usage: Mapping[str, Any]) -> tuple[int, int]:
    return usage["input_tokens"], usage["input_tokens_details"]["cached_tokens"]


def _chat_counts(usage: Mapping[str, Any]) -> tuple[int, int]:
    return usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"]


CHAT = "/v1/chat/completions"
ENDPOINTS = {
    "/v1/messages": Endpoint("max_tokens", _messages_counts, wire.message, wire.message_events),
    "/v1/responses": Endpoint(
        "max_output_tokens", _responses_counts, wire.response, wire.response_events
    ),
    CHAT: Endpoint("max_tokens", _chat_counts, chat.completion, chat.completion_events),
}
NOT_FOR_ONE_TOKEN = ("stream_options", "max_completion_tokens")


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    path: str
    headers: Mapping[str, str]
    """By names in small letters."""
    body: bytes

    @property
    def request(self) -> Json:
        """The body as values."""
        request: Json = json.loads(self.body)
        return request


@dataclass(frozen=True)
class Turn:
    """One answered request: the prompt as llama-server rendered it, the reply as it stands behind it."""

    asked: Asked
    reply: Reply
    prompt: str
    reply_text: str
    counts: Counts

    @property
    def processed_tokens(self) -> int:
        """Tokens of the prompt that had to be evaluated."""
        return self.counts.prompt - self.counts.cached


Say = Callable[[Asked], Reply]


class ScriptedEndpoints(ThreadedBackend):
    """Requests of the scripted endpoints are answered one at a time."""

    def __init__(self, llama: StockServer, say: Say) -> None:
        super().__init__()
        self.llama = llama
        self.say = say
        self.turns: list[Turn] = []
        self.refused: list[tuple[Asked, int, bytes]] = []
        self._one_at_a_time = threading.Lock()

    def respond(
        self, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[str, list[bytes]]:
        """The scripted endpoints by the script, everything else by the llama-server."""
        endpoint = path.partition("?")[0]
        if body is not None and endpoint in ENDPOINTS:
            return self.answer(Asked(endpoint, headers, body))
        return JSON, [self.ask("GET" if body is None else "POST", path, body)]

    def answer(self, asked: Asked) -> tuple[str, list[bytes]]:
        """Content type and arrivals of the answer. Raises Refused as llama-server does."""
        endpoint = ENDPOINTS[asked.path]
        with self._one_at_a_time:
            try:
                turn = self._evaluate(asked, endpoint)
            except Refused as error:
                self.refused.append((asked, error.status, error.body))
                raise
            self.turns.append(turn)
            number = len(self.turns)
        if asked.request.get("stream"):
            return EVENTS, endpoint.events(turn.reply, turn.counts, number, asked.request)
        return JSON, [json.dumps(endpoint.whole(turn.reply, turn.counts, number)).encode()]

    def _evaluate(self, asked: Asked, endpoint: Endpoint) -> Turn:
        one = {**asked.request, "stream": False, endpoint.limit: 1}
        for name in NOT_FOR_ONE_TOKEN:
            one.pop(name, None)
        usage = json.loads(self.ask("POST", asked.path, json.dumps(one).encode()))["usage"]
        prompt_tokens, cached = endpoint.counts(usage)
        used = [slot for slot in json.loads(self.ask("GET", "/slots")) if "id_task" in slot]
        slot = max(used, key=lambda slot: int(slot["id_task"]))
        reply = self.say(asked)
        text = self.written(reply)
        tokens = self.tokens(slot["prompt"] + text)
        # the last token of a reply was generated, but is not evaluated: the slot does not hold it
        body = {"prompt": tokens[:-1], "n_predict": 0, "id_slot": slot["id"]}
        after = json.loads(self.ask("POST", "/completion", json.dumps(body).encode()))
        assert after["timings"]["cache_n"] >= prompt_tokens - 1, "/slots shows another prompt"
        generated = len(tokens) - prompt_tokens
        counts = Counts(prompt_tokens, cached, generated)
        return Turn(asked, reply, slot["prompt"], text, counts)

    def written(self, reply: Reply) -> str:
        """The reply as the template writes it, without its end mark."""
        calls = [
            {"id": "c", "type": "function", "function": {"name": c.name, "arguments": c.arguments}}
            for c in reply.calls
        ]
        said = {
            "role": "assistant",
            "content": reply.text,
            **({"tool_calls": calls} if calls else {}),
        }
        before = self._rendered([QUESTION], opens_reply=True)
        after = self._rendered([QUESTION, said, RESULT], opens_reply=False)
        assert after.startswith(before)
        return after[len(before) : after.rindex(END_OF_REPLY)]

    def _rendered(self, messages: list[Json], *, opens_reply: bool) -> str:
        body = {"messages": messages, "add_generation_prompt": opens_reply}
        answer = self.ask("POST", "/apply-template", json.dumps(body).encode())
        return str(json.loads(answer)["prompt"])

    def tokens(self, text: str) -> list[int]:
        """What the server's tokenizer makes of a rendered prompt."""
        body = {"content": text, "parse_special": True, "add_special": True}
        answer = json.loads(self.ask("POST", "/tokenize", json.dumps(body).encode()))
        return [int(token) for token in answer["tokens"]]

    def ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """The body of llama-server's answer. Raises Refused."""
        request = urllib.request.Request(
            self.llama.url + path, body, {"Content-Type": "application/json"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            raise Refused(error.code, error.read()) from None


REMINDER = "<system-reminder>"
"""How a text of a user's message begins that no user has written."""


def said_to_model(asked: Asked) -> list[tuple[str, str]]:
    """The history as (who, text): "user" for words of the user, "result", and "assistant"."""
    if asked.path == "/v1/messages":
        return list(_said_in_messages(asked.request))
    if asked.path == CHAT:
        return [(m["role"], json.dumps(m.get("content"))) for m in asked.request["messages"]]
    return list(_said_in_items(asked.request))


def _said_in_messages(request: Json) -> Iterator[tuple[str, str]]:
    for message in request["messages"]:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if message["role"] == "assistant":
            yield "assistant", json.dumps(blocks)
            continue
        for block in blocks:
            if message["role"] == "user" and block["type"] == "text":
                if not block["text"].startswith(REMINDER):
                    yield "user", block["text"]
            elif block["type"] == "tool_result":
                yield "result", json.dumps(block.get("content"))


def _said_in_items(request: Json) -> Iterator[tuple[str, str]]:
    inside = False
    for item in request["input"]:
        role = item.get("role")
        is_assistant = item["type"] in ("function_call", "reasoning") or role == "assistant"
        if is_assistant and not inside:
            yield "assistant", json.dumps(item)
        inside = is_assistant
        if item["type"] == "function_call_output":
            yield "result", json.dumps(item["output"])
        elif role == "user":
            parts = item["content"]
            texts = [parts] if isinstance(parts, str) else [part["text"] for part in parts]
            yield from (("user", text) for text in texts)


def scripted(script: Mapping[str, tuple[Reply, ...]], otherwise: Reply) -> Say:
    """Says what belongs to the newest words of the user, one reply after the other; and `otherwise` if the
    script does not know them, all has been said, or no tools are offered."""

    def say(asked: Asked) -> Reply:
        history = said_to_model(asked)
        newest = max(at for at, (who, _) in enumerate(history) if who == "user")
        step = sum(who == "assistant" for who, _ in history[newest:])
        known = (replies for words, replies in script.items() if words in history[newest][1])
        replies = next(known, ()) if asked.request.get("tools") else ()
        return replies[step] if step < len(replies) else otherwise

    return say


def call(tool: str, **arguments: Any) -> Call:
    """A tool call with its arguments in this order."""
    return Call(tool, json.dumps(arguments, ensure_ascii=False))
