"""The servers of a run: a real llama-server, and in front of it nothing, the proxy, or hearth-llm."""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.path.command import free_port, process, wait_for
from tests.fakes.llama import model_file
from tests.servers.stock import StockServer

Json = dict[str, Any]
HEARTH = Path(os.environ.get("HEARTH", ".venv-hearth/bin/hearth"))
"""PyPI hearth-llm 0.1.1 in an environment of its own; its rows are left out if it is not installed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One reply: tokens of its prompt by the backend's counts, and how long it took."""

    text: str
    prompt_tokens: int
    processed_tokens: int
    seconds: float


@dataclass(slots=True)
class Way:
    """The address that a client sends its requests to, and the llama-server behind it. `answers`: by label."""

    url: str
    server: StockServer
    answers: dict[str, list[Answer]] = field(default_factory=dict)

    def chat(self, label: str, messages: list[Json], **options: Any) -> str:
        """One turn of the conversation called `label`; the text of the reply."""
        body = {"messages": messages, "max_tokens": 4, "temperature": 0, **options}
        began = time.perf_counter()
        value = post(f"{self.url}/v1/chat/completions", body)
        seconds = time.perf_counter() - began
        text = str(value["choices"][0]["message"]["content"])
        counts = value["timings"]
        total = counts["cache_n"] + counts["prompt_n"]
        answer = Answer(text, total, counts["prompt_n"], seconds)
        self.answers.setdefault(label, []).append(answer)
        return text

    def processed(self, label: str) -> int:
        """Tokens evaluated for all turns of a conversation."""
        return sum(answer.processed_tokens for answer in self.answers.get(label, ()))


def post(url: str, body: Json, limit_s: float = 120.0) -> Json:
    """The JSON answer to a POST."""
    data = json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=limit_s) as answer:
        value: Json = json.loads(answer.read())
    return value


@contextmanager
def way(
    name: str, folder: Path, settings: dict[str, str], flags: list[str], template: str
) -> Iterator[Way]:
    """A fresh llama-server and the way to it: "direct", "through" or "hearth"."""
    saved = folder / f"slots-{time.monotonic_ns()}"
    saved.mkdir(mode=0o700)
    with ExitStack() as stack:
        flags = [*flags, "--slot-save-path", f"{saved}/"]
        server = StockServer(model_file("tiny", folder), *flags, chat_template=template).start()
        stack.callback(server.close)
        if name == "direct":
            yield Way(server.url, server)
            return
        start = through if name == "through" else hearth
        yield Way(stack.enter_context(start(server.url, saved, settings)), server)


@contextmanager
def through(backend: str, saved: Path, settings: dict[str, str]) -> Iterator[str]:
    """`warmprefix serve` with a ledger of its own."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "WARMPREFIX_MEMORY__PATH": str(Path(folder) / "ledger.db"),
            "WARMPREFIX_SLOTS__SAVE_PATH": str(saved),
            **settings,
        }
        line = [
            sys.executable,
            "-m",
            "warmprefix",
            "serve",
            "--port",
            str(port),
            "--backend",
            backend,
        ]
        with process(line, environment):
            wait_for(port)
            wait_until_ready(f"http://127.0.0.1:{port}/warmprefix/ready")
            yield f"http://127.0.0.1:{port}"


@contextmanager
def hearth(backend: str, saved: Path, settings: dict[str, str]) -> Iterator[str]:
    """hearth-llm attached to the same server."""
    del settings
    port = free_port()
    line = [str(HEARTH), "serve", "--upstream", backend, "--port", str(port)]
    with process([*line, "--cache-dir", str(saved)]):
        wait_for(port)
        yield f"http://127.0.0.1:{port}"


def wait_until_ready(url: str, limit_s: float = 20.0) -> None:
    """Return when the page answers 200, plus a short pause, as the proxy reads the slots in the background."""
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=2):
                time.sleep(0.3)
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise TimeoutError(url)


def has_hearth() -> bool:
    """Whether hearth-llm can be measured too."""
    return HEARTH.exists() and subprocess.run([HEARTH, "--version"], check=False).returncode == 0
