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
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.clients import chat_replies as chat
from tests.clients import endpoint_replies as wire
from tests.clients.endpoint_replies import Call, Counts, Json, Reply
from tests.fakes.scripted_replies import http_chunk, last_chunk
from tests.servers.stock import StockServer

DEBUG = {"LLAMA_SERVER_SLOTS_DEBUG": "1"}
"""What the llama-server needs in its environment."""

JSON, EVENTS = "application/json", "text/event-stream"
POLL_S = 0.05
LIMIT_S = 300.0  # 100,000 tokens on a busy machine
QUESTION = {"role": "user", "content": "?"}
RESULT = {"role": "tool", "tool_call_id": "last", "content": "the end"}
END_OF_REPLY = "<|im_end|>\n<|im_start|>tool\nthe end"
"""How our ChatML templates go on after a reply. Its end mark is sampled, but not evaluated with it."""


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


class Refused(Exception):
    """llama-server has answered with an error."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


class ScriptedEndpoints:
    """The backend, in threads of its own. Requests of the two endpoints are answered one at a time."""

    def __init__(self, llama: StockServer, say: Say) -> None:
        self.llama = llama
        self.say = say
        self.turns: list[Turn] = []
        self.refused: list[tuple[Asked, int, bytes]] = []
        self._one_at_a_time = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler_for(self))
        self._server.daemon_threads = True  # a client may leave its connection open
        self._serving = threading.Thread(target=self._server.serve_forever, args=(POLL_S,))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._serving.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._serving.join()

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
        body = {"prompt": slot["prompt"] + text, "n_predict": 0, "id_slot": slot["id"]}
        after = json.loads(self.ask("POST", "/completion", json.dumps(body).encode()))
        assert after["timings"]["cache_n"] >= prompt_tokens - 1, "/slots shows another prompt"
        generated = after["tokens_evaluated"] - prompt_tokens
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


def handler_for(backend: ScriptedEndpoints) -> type[BaseHTTPRequestHandler]:
    """The HTTP side: the two endpoints to the script, everything else to the llama-server."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.send_response(415)  # as llama-server answers
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

        def _answer(self, body: bytes | None) -> None:
            path = self.path.partition("?")[0]
            try:
                if body is not None and path in ENDPOINTS:
                    headers = {name.lower(): value for name, value in self.headers.items()}
                    self._send(200, *backend.answer(Asked(path, headers, body)))
                else:
                    method = "GET" if body is None else "POST"
                    self._send(200, JSON, [backend.ask(method, self.path, body)])
            except Refused as error:
                self._send(error.status, JSON, [error.body])

        def _send(self, status: int, content_type: str, pieces: list[bytes]) -> None:
            is_stream = content_type == EVENTS  # llama-server streams in chunks
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            if is_stream:
                self.send_header("Transfer-Encoding", "chunked")
                pieces = [*map(http_chunk, pieces), last_chunk()]
            else:
                self.send_header("Content-Length", str(sum(map(len, pieces))))
            self.end_headers()
            for piece in pieces:
                self.wfile.write(piece)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: pytest shows what matters."""

    return Handler


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
            yield from (("user", part["text"]) for part in item["content"])


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
