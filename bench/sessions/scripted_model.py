"""A model that says what it is told to, in front of a real llama-server that evaluates all of it.

For a chat completion llama-server first evaluates the prompt by the ordinary way: its own parsing, its
template, its choice of a slot, its cache. Those are the counts that are kept and reported. Then the
scripted reply's text is evaluated behind it in the same slot, so that the slot holds what a model that
wrote this would have left there. Every other request goes to llama-server as it is.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from bench.sessions.reply_wire import event_stream, whole_reply
from bench.sessions.script import Json
from bench.sessions.wire import Answer, accepted, ask, post

_CHAT = frozenset({"/v1/chat/completions", "/chat/completions"})


@dataclass(frozen=True, slots=True)
class Count:
    """What llama-server reported for one request. `label`: whose it was, as `expect` was told."""

    label: str
    cached_tokens: int
    processed_tokens: int
    prompt: str


class ScriptedModel:
    """Serves on `url`. `generated`: the text that the model writes for a message."""

    def __init__(self, backend: str, generated: Callable[[Json], str]) -> None:
        self.backend = backend
        self.counts: list[Count] = []
        self.refused = 0
        self._generated = generated
        self._next: tuple[str, Json] | None = None
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.model = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def expect(self, label: str, message: Json) -> None:
        """The reply to the next chat completion."""
        self._next = (label, message)

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def chat(self, body: bytes) -> Answer:
        """The scripted reply, or llama-server's own refusal."""
        assert self._next is not None, "a chat completion that no script expects"
        (label, message), self._next = self._next, None
        asked = json.loads(body)
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
        self._generate(evaluated, self._generated(message))
        write = event_stream if asked.get("stream") else whole_reply
        return write(message, evaluated, asked)

    def _generate(self, evaluated: Json, text: str) -> None:
        """Have the text evaluated behind the prompt, token by token as it would have been generated.

        The two are made tokens apart: a sampled token never joins with the prompt's last one.
        """
        slot = evaluated["__verbose"]["id_slot"]
        prompt = self._tokens(evaluated["__verbose"]["prompt"])
        reported = evaluated["usage"]["prompt_tokens"]
        assert len(prompt) == reported, f"{len(prompt)} tokens, llama-server says {reported}"
        body = {
            "prompt": prompt + self._tokens(text),
            "n_predict": 0,
            "id_slot": slot,
            "cache_prompt": True,
        }
        kept = accepted(post(f"{self.backend}/completion", body))
        assert kept["id_slot"] == slot

    def _tokens(self, text: str) -> list[int]:
        body = {"content": text, "add_special": False, "parse_special": True}
        tokens: list[int] = accepted(post(f"{self.backend}/tokenize", body))["tokens"]
        return tokens


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    model: ScriptedModel


class _Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 with kept connections, as llama-server has it."""

    protocol_version = "HTTP/1.1"
    server: _Server
    disable_nagle_algorithm = True  # head and body are two writes

    def do_GET(self) -> None:
        """Anything llama-server has."""
        self._answer(ask("GET", self.server.model.backend + self.path))

    def do_POST(self) -> None:
        """A scripted reply, or anything else that llama-server has."""
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path in _CHAT:
            self._answer(self.server.model.chat(body))
            return
        kind = {"Content-Type": self.headers.get("content-type", "application/json")}
        self._answer(ask("POST", self.server.model.backend + self.path, body, kind))

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the counts are what is of interest."""

    def _answer(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)
