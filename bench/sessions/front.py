"""An HTTP front of a real llama-server: it answers some requests for a reply itself, and passes the rest on."""

import sys
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from bench.sessions.wire import Answer, ask

_CHAT = frozenset({"/v1/chat/completions", "/chat/completions"})
NATIVE = frozenset({"/v1/messages", "/v1/responses"})
"""The other endpoints that carry conversations."""


class Front(ABC):
    """Serves on `url` in threads of its own. Subclasses answer the chat completions."""

    def __init__(self, backend: str) -> None:
        self.backend = backend
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.front = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @abstractmethod
    def chat(self, body: bytes) -> Answer:
        """The answer to a chat completion."""

    def native(self, path: str, body: bytes) -> Answer:
        """The answer to a request of another endpoint; llama-server's own unless a subclass has one."""
        return ask("POST", self.backend + path, body, {"Content-Type": "application/json"})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    front: Front

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that is gone: a proxy or a router that ends closes what it has kept."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 with kept connections, as in llama-server."""

    protocol_version = "HTTP/1.1"
    server: _Server
    disable_nagle_algorithm = True  # head and body are two writes

    def do_GET(self) -> None:
        """Anything llama-server has."""
        self._pass_on("GET", None)

    def do_POST(self) -> None:
        """A chat completion, or anything else that llama-server has."""
        self._pass_on("POST", self.rfile.read(int(self.headers.get("content-length", 0))))

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: only the counts are of interest."""

    def _pass_on(self, method: str, body: bytes | None) -> None:
        front = self.server.front
        kind = {"Content-Type": self.headers.get("content-type", "application/json")}
        try:
            path = self.path.partition("?")[0]
            if body is not None and path in _CHAT:
                answer = front.chat(body)
            elif body is not None and path in NATIVE:
                answer = front.native(path, body)
            else:
                answer = ask(method, front.backend + self.path, body, kind)
        except (
            OSError,
            HTTPException,
        ):  # the backend is gone: close without an answer, as a dead server would
            self.close_connection = True
            return
        self._answer(answer)

    def _answer(self, answer: Answer) -> None:
        with suppress(ConnectionError):  # whoever asked has left: a proxy that is stopped
            self._write(answer)

    def _write(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)
