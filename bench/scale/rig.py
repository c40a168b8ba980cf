"""The parts of a fleet, each a process of its own that ends with its block."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path
from types import MappingProxyType

from bench.path.processes import free_port, process, wait_for, wait_until_answered
from bench.sessions.evaluation import ENVIRONMENT
from bench.sessions.families import FAMILIES, Family
from bench.sessions.scripted_model import ScriptedModel
from tests.fakes.llama import model_file
from tests.fakes.redis_server import RedisServer
from tests.servers.stock import StockServer

ROUTERS_VARIABLE = "WARMPREFIX_BENCH_ROUTERS"
"""Names the folder `bin` of an environment that has vllm-router and smg."""
FAMILY: Family = FAMILIES[0]
_TICKS = """
global
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 10m
  timeout server 10m
  retries 2
  retry-on conn-failure
  option redispatch 1
frontend front
  bind 127.0.0.1:{port}
  default_backend back
backend back
  {balance}
  {check}
{servers}
"""


@contextmanager
def ledger() -> Iterator[RedisServer]:
    """An empty redis-server."""
    server = RedisServer()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def models(count: int) -> Iterator[list[ScriptedModel]]:
    """So many stock llama-servers without flags, each behind its scripted replies."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        file = model_file("tiny", Path(folder))
        made = []
        for _ in range(count):
            llama = StockServer(
                file, "-c", "131072", chat_template=FAMILY.template, environment=ENVIRONMENT
            )
            llama.start()
            stack.callback(llama.close)
            model = ScriptedModel(llama.url, FAMILY.generated)
            stack.callback(model.close)
            made.append(model)
        yield made


class Restartable:
    """A process with a port and a folder of its own, which may be killed and started again at its address."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._home = tempfile.TemporaryDirectory()
        self._folder = Path(self._home.name)
        self._stack = ExitStack()

    def _run(self, line: list[str], environment: Mapping[str, str] | None = None) -> None:
        self._running = self._stack.enter_context(process(line, environment))

    def kill(self) -> None:
        """End it as a crash does."""
        self._running.kill()
        self._running.wait()

    def close(self) -> None:
        """End it."""
        self._stack.close()
        self._home.cleanup()


class Proxy(Restartable):
    """A `warmprefix serve`."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__()
        kept = {name: os.environ[name] for name in os.environ if "WARMPREFIX_" not in name}
        self._environment = kept | {"XDG_DATA_HOME": str(self._folder)} | dict(settings)
        self.start()

    def start(self) -> None:
        """Start, and return once it answers."""
        line = [sys.executable, "-m", "warmprefix", "serve", "--port", str(self.port)]
        self._run(line, self._environment)
        wait_until_answered(f"{self.url}/warmprefix/health", self._running)


@contextmanager
def proxies(
    count: int,
    backends: Sequence[str],
    store: str,
    about: Mapping[str, str] = MappingProxyType({}),
    enable: str = "",
) -> Iterator[list[Proxy]]:
    """So many proxies in front of these backends. `about`: more settings of each backend; `enable`: a rule."""
    named = {
        "WARMPREFIX_BACKENDS": json.dumps([{"url": url, **about} for url in backends]),
        "WARMPREFIX_MEMORY__STORE": store,
        **({"WARMPREFIX_CANONICALIZE__ENABLE": json.dumps([enable])} if enable else {}),
    }
    with ExitStack() as stack:
        yield [stack.enter_context(closing(Proxy(named))) for _ in range(count)]


class Haproxy(Restartable):
    """An haproxy in front of these. `balance`, `check`: lines of its backend; with a check, the servers are
    checked twice a second."""

    def __init__(self, urls: Sequence[str], balance: str, check: str = "") -> None:
        super().__init__()
        option = " check inter 500ms fall 1 rise 1" if check else ""
        named = enumerate(url.removeprefix("http://") for url in urls)
        servers = "\n".join(f"  server s{number} {address}{option}" for number, address in named)
        self._file = self._folder / "haproxy.cfg"
        self._file.write_text(
            _TICKS.format(port=self.port, balance=balance, check=check, servers=servers)
        )
        self.start()

    def start(self) -> None:
        """Start, and return once it listens."""
        self._run(["haproxy", "-db", "-f", str(self._file)])
        wait_for(self.port)


@contextmanager
def balancer(urls: Sequence[str], balance: str, check: str = "") -> Iterator[Haproxy]:
    """An haproxy, until the block ends."""
    with closing(Haproxy(urls, balance, check)) as made:
        yield made


@contextmanager
def haproxy(urls: Sequence[str], balance: str, check: str = "") -> Iterator[str]:
    """The address of a balancer."""
    with balancer(urls, balance, check) as made:
        yield made.url


Router = Callable[[Sequence[str]], AbstractContextManager[str]]


@contextmanager
def by_session(urls: Sequence[str]) -> Iterator[str]:
    """haproxy that hashes the session's header; without one it takes turns."""
    with haproxy(urls, "balance hdr(X-Session-ID)\n  hash-type consistent") as url:
        yield url


@contextmanager
def _other(program: str, ready: str, *line: str) -> Iterator[str]:
    """`ready`: the page that answers 200 once the workers are registered."""
    port, metrics = free_port(), free_port()
    own = ["--host", "127.0.0.1", "--port", str(port), "--prometheus-port", str(metrics)]
    with process([router_path(program), *line, *own]) as running:
        wait_until_answered(f"http://127.0.0.1:{port}{ready}", running, 60)
        yield f"http://127.0.0.1:{port}"


@contextmanager
def vllm_router(urls: Sequence[str]) -> Iterator[str]:
    """vllm-router, which hashes the session's header."""
    with _other(
        "vllm-router", "/v1/models", "--worker-urls", *urls, "--policy", "consistent_hash"
    ) as url:
        yield url


@contextmanager
def smg(urls: Sequence[str]) -> Iterator[str]:
    """smg, which hashes its own header."""
    line = (
        "launch",
        "--worker-urls",
        *urls,
        "--policy",
        "consistent_hashing",
        "--backend",
        "openai",
    )
    with _other("smg", "/readiness", *line) as url:
        yield url


ROUTERS = {"haproxy": by_session, "vllm-router": vllm_router, "smg": smg}
"""Each with the header by which it is told a session: the name of the preset."""
PRESETS = {"haproxy": "X-Session-ID", "vllm-router": "vllm-router", "smg": "smg"}


def router_path(program: str) -> str:
    """The program, from the environment that the variable names or from PATH; empty if it is not installed."""
    folder = os.environ.get(ROUTERS_VARIABLE)
    return shutil.which(program, path=folder) or shutil.which(program) or ""


class Echo(Restartable):
    """A backend of bench/scale/echo.py. What it has counted stays in a file."""

    def __init__(self) -> None:
        super().__init__()
        self.journal = self._folder / "answered"
        self.start()

    def start(self) -> None:
        """Start, and return once it answers."""
        self._run([sys.executable, "-m", "bench.scale.echo", str(self.port), str(self.journal)])
        wait_until_answered(f"{self.url}/v1/models", self._running)


@contextmanager
def echoes(count: int) -> Iterator[list[Echo]]:
    """So many backends."""
    with ExitStack() as stack:
        yield [stack.enter_context(closing(Echo())) for _ in range(count)]


@contextmanager
def worker(module: str, *arguments: str) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """A module of the benchmark as a process that prints its port."""
    line = [sys.executable, "-m", module, *arguments]
    with process(line, talks=True) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        with running.stdin, running.stdout:
            yield int(running.stdout.readline()), running
