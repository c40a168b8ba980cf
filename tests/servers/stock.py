"""The llama-server that users run: Debian's newest, a process of its own, with its own defaults.

`make servers` brings it (fetch.sh). No flags but model, context, template and what a test is about: four slots
that share one KV cache, a RAM cache of 8 GiB, idle slots saved there and cleared whenever another one starts.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Any, Literal, Protocol, Self

import orjson

FOLDER = Path(__file__).parents[2] / ".servers"
"""Where `make servers` puts them; ignored by git."""

_START_S = 60.0
Json = dict[str, Any]


@cache
def stock_binary(name: str = "llama-server") -> Path | None:
    """The program: as WARMPREFIX_LLAMA_SERVER says, on PATH, or as fetched; None if there is none."""
    variable = "WARMPREFIX_" + name.upper().replace("-", "_")
    if given := os.environ.get(variable):
        return Path(given)
    if found := shutil.which(name):
        return Path(found)
    fetched = FOLDER / "bin" / name
    return fetched if fetched.exists() else None


def stock_environment() -> dict[str, str]:
    """This process's environment and what the fetched programs need besides."""
    environment = dict(os.environ)
    file = FOLDER / "env"
    if file.exists():
        for line in file.read_text().splitlines():
            name, _, value = line.removeprefix("export ").partition("=")
            environment[name] = value
    return environment


def free_port() -> int:
    """A port that is free now, and for a minute given to nobody who asks for any port.

    It is left in TIME_WAIT, in which only who names it gets it (Linux, inet_csk_find_open_port).
    """
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()),
    ):
        accepted, _ = server.accept()
        accepted.close()  # who closes first has the port that waits
        return int(server.getsockname()[1])


class Server:
    """A program that answers HTTP at an address of its own, which stays the same over restarts.

    `alive` is the path that answers once it can be used.
    """

    def __init__(
        self, line: list[str], port: int, environment: Mapping[str, str], alive: str = "/health"
    ) -> None:
        self.line = line
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._environment = dict(environment)
        self._alive = alive
        self.process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({' '.join(self.line)})"

    def start(self) -> Self:
        """This server, once it answers. If it does not, or who waits is interrupted, it is ended; RuntimeError
        has its last words."""
        self.spawn()
        try:
            self.wait()
        except BaseException:
            self.stop()
            raise
        return self

    def spawn(self) -> None:
        """Start it; returns at once."""
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # closed when the process has ended
        # A session of its own: what it has started itself ends with it.
        self.process = subprocess.Popen(
            self.line,
            stdout=self._log,
            stderr=self._log,
            env=self._environment,
            start_new_session=True,
        )

    def wait(self, limit_s: float = _START_S) -> None:
        """Return once it answers; otherwise end it and raise RuntimeError."""
        until = time.monotonic() + limit_s
        while time.monotonic() < until:
            if self.process is None or self.process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(self.url + self._alive, timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.02)
        said = self.output()[-2000:]
        self.stop()
        raise RuntimeError(f"{self.line} did not start:\n{said}")

    def output(self) -> str:
        """What it has printed since it was started last."""
        if self._log is None:
            return ""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def stop(self) -> None:
        """End it in good order; safe to repeat."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop and start again on the same port, with an empty cache."""
        self.stop()
        self.start()

    def get(self, path: str) -> Any:
        """The JSON answer to a GET; an error status raises urllib.error.HTTPError."""
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            return orjson.loads(answer.read())

    def post(self, path: str, body: object) -> Any:
        """The JSON answer to a POST; an error status raises urllib.error.HTTPError."""
        request = urllib.request.Request(
            self.url + path, orjson.dumps(body), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            return orjson.loads(answer.read())

    def _end(self, how: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.send_signal(how)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        if self._log is not None:
            self._log.close()
            self._log = None


class StockServer(Server):
    """One llama-server. The address stays the same over restarts.

    `flags` are appended as they are: `["-np", "4"]`. `chat_template` is the text of a template.
    """

    def __init__(
        self,
        model: Path,
        *flags: str,
        chat_template: str | None = None,
        context: int = 32768,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        binary = stock_binary()
        assert binary is not None, "no llama-server; make servers"
        self._folder = tempfile.TemporaryDirectory()
        port = free_port()
        line = [str(binary), "-m", str(model), "-c", str(context), "--jinja"]
        if chat_template is not None:
            file = Path(self._folder.name) / "template.jinja"
            file.write_text(chat_template)
            line += ["--chat-template-file", str(file)]
        # Threads do not change what is counted; a tiny model on two of them only waits for itself.
        line += ["--host", "127.0.0.1", "--port", str(port), "--threads", "1", "--offline"]
        super().__init__([*line, *flags], port, {**stock_environment(), **(environment or {})})

    def close(self) -> None:
        """Stop it and remove its files."""
        self.stop()
        self._folder.cleanup()


class StartStock(Protocol):
    """The `start_stock` fixture: a started server with these flags, on the tiny model unless another is
    given."""

    def __call__(
        self,
        *flags: str,
        model: Path | None = None,
        chat_template: str | None = ...,
        context: int = ...,
        environment: Mapping[str, str] | None = ...,
    ) -> StockServer: ...


class Served(Protocol):
    """A server of either kind, as far as a test needs it."""

    url: str

    def start(self) -> object:
        """Start it; return once it answers."""

    def kill(self) -> None:
        """End it as a crash would."""


class StartEither(Protocol):
    """The `start_either` fixture."""

    def __call__(
        self,
        model: Literal["tiny", "gemma"] = "tiny",
        *,
        chat_template: str | None = None,
        slot_save_path: Path | None = None,
    ) -> Served: ...
