"""A backend in threads of its own: its HTTP side, as llama-server writes it. What it answers is its own."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from tests.fakes.scripted_replies import http_chunk, last_chunk

JSON, EVENTS = "application/json", "text/event-stream"
POLL_S = 0.05  # how often the server looks whether it is to stop
RESULT = {"role": "tool", "tool_call_id": "last", "content": "the end"}
END_OF_REPLY = "<|im_end|>\n<|im_start|>tool\nthe end"
"""How our ChatML templates go on after a reply. Its end mark is sampled, but not evaluated with it."""


class Refused(Exception):
    """llama-server has answered with an error."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


class ThreadedBackend(ABC):
    """Runs as long as the `with` statement."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
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

    @abstractmethod
    def respond(
        self, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[str, list[bytes]]:
        """Content type and arrivals of an answer; `body` is None for a GET. Raises Refused."""


def _handler_for(backend: ThreadedBackend) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._send(415, JSON, [])  # as llama-server answers

        def do_GET(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

        def _answer(self, body: bytes | None) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                self._send(200, *backend.respond(self.path, headers, body))
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
