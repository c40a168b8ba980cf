"""The contestants between the load and the backend: nothing, nginx, this proxy, or another one.

Each contestant is a context manager that yields its port and its process. Those that are not installed are left
out, with a line that says how to install them.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.path.processes import Running, free_port, process, wait_for, wait_until_answered
from warmprefix.core.rules import RULES

ENVIRONMENT = Path(os.environ.get("BENCH_ENVIRONMENT", ".venv-bench"))
"""Python environment with the contestants (`make bench-contestants`)."""
HEARTH = Path(os.environ.get("HEARTH", ENVIRONMENT / "bin" / "hearth"))
DIRECT = "direct"
COMPLETE = "proxy"
LITELLM = "litellm"
NGINX = "nginx"

Started = tuple[int, Running]
Start = Callable[[int], AbstractContextManager[Started]]


@dataclass(frozen=True, slots=True)
class Contestant:
    """`start` gets the backend's port. `install`: the command that installs it."""

    name: str
    start: Start
    is_here: Callable[[], bool] = lambda: True
    install: str = ""
    is_default: bool = True


@contextmanager
def backend(*arguments: str) -> Iterator[Started]:
    """The mock (bench/path/mock.py)."""
    line = [sys.executable, "-m", "bench.path.mock", *arguments]
    with process(line, talks=True) as running:
        assert running.stdout is not None
        yield int(running.stdout.readline()), running


@contextmanager
def serve(
    backend_port: int,
    variables: dict[str, str],
    module: tuple[str, ...] = ("warmprefix", "serve"),
    page: str = "ready",
) -> Iterator[Started]:
    """`warmprefix serve` with a ledger of its own. `module`: the module that is run with its options; `page`:
    the one that answers when it has started."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "ledger.db")
        environment = {**os.environ, "WARMPREFIX_MEMORY__PATH": path, **variables}
        line = [sys.executable, "-m", *module, "--port", str(port)]
        line += ["--backend", f"http://127.0.0.1:{backend_port}"]
        with process(line, environment) as running:
            wait_until_answered(f"http://127.0.0.1:{port}/warmprefix/{page}", running)
            yield port, running


def complete(backend_port: int) -> AbstractContextManager[Started]:
    """The proxy as it is installed: all default rules, SQLite, slots, log, metrics."""
    return serve(backend_port, {})


def without_rules(backend_port: int) -> AbstractContextManager[Started]:
    """The proxy with every rule disabled; it still parses, remembers and restores."""
    names = json.dumps([rule.name for rule in RULES])
    return serve(backend_port, {"WARMPREFIX_CANONICALIZE__DISABLE": names})


def bare(client: str) -> Start:
    """A relay of thirty lines on the same web server (bench/path/relays.py)."""

    @contextmanager
    def start(backend_port: int) -> Iterator[Started]:
        port = free_port()
        line = [sys.executable, "-m", "bench.path.relays", client, str(backend_port), str(port)]
        with process(line) as running:
            wait_for(port)
            yield port, running

    return start


_NGINX_CONFIG = """\
daemon off; worker_processes 1; pid {folder}/pid; error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_buffer_size 16m; keepalive_requests 1000000; client_max_body_size 0;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream backend {{ server 127.0.0.1:{backend}; keepalive 128; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_read_timeout 600s;
    }}
  }}
}}
"""


@contextmanager
def nginx(backend_port: int) -> Iterator[Started]:
    """Debian's nginx with one worker. Like the others it reads a whole request before it sends it on."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "nginx.conf"
        config.write_text(_NGINX_CONFIG.format(folder=folder, port=port, backend=backend_port))
        Path(folder).chmod(0o755)  # its worker is another user
        program = shutil.which("nginx") or "nginx"
        with process([program, "-p", folder, "-c", str(config)]) as running:
            wait_for(port)
            yield port, running


@contextmanager
def litellm(backend_port: int) -> Iterator[Started]:
    """LiteLLM's proxy with one worker, no database and no key; it connects only to the loopback."""
    port = free_port()
    models = [
        {
            "model_name": name,
            "litellm_params": {
                "model": f"openai/{name}",
                "api_base": f"http://127.0.0.1:{backend_port}/v1",
                "api_key": "none",
            },
        }
        for name in ("mock", "paced")
    ]
    local = ("MODEL_COST_MAP", "ANTHROPIC_BETA_HEADERS", "POLICY_TEMPLATES", "BLOG_POSTS")
    environment = {
        **os.environ,
        **{f"LITELLM_LOCAL_{name}": "True" for name in local},
        "LITELLM_LOG": "ERROR",
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",  # otherwise it does not start
        "NO_PROXY": "127.0.0.1",
    }
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"  # JSON is YAML
        value = {"model_list": models, "litellm_settings": {"telemetry": False}}
        config.write_text(json.dumps(value))
        line = [str(ENVIRONMENT / "bin" / "litellm"), "--config", str(config)]
        line += ["--host", "127.0.0.1", "--port", str(port), "--telemetry", "False"]
        with process(line, environment) as running:
            wait_until_answered(f"http://127.0.0.1:{port}/health/liveliness", running)
            yield port, running


@contextmanager
def hearth(backend_port: int) -> Iterator[Started]:
    """hearth-llm, in front of a mock of its own, since it requires one slot that can be saved."""
    del backend_port
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, backend(folder) as (its_backend, _):
        line = [str(HEARTH), "serve", "--upstream", f"http://127.0.0.1:{its_backend}"]
        with process([*line, "--port", str(port), "--cache-dir", folder]) as running:
            wait_for(port)
            yield port, running


def _runs(program: Path | str) -> Callable[[], bool]:
    return lambda: shutil.which(program) is not None


CONTESTANTS = (
    Contestant(NGINX, nginx, _runs("nginx"), "apt-get install nginx-light"),
    Contestant("bare aiohttp", bare("aiohttp"), is_default=False),
    Contestant("bare httpx", bare("httpx"), is_default=False),
    Contestant("proxy without rules", without_rules),
    Contestant(COMPLETE, complete),
    Contestant(LITELLM, litellm, _runs(ENVIRONMENT / "bin" / "litellm"), "make bench-contestants"),
    Contestant("hearth", hearth, _runs(HEARTH), "make bench-contestants, or HEARTH=path/to/hearth"),
)


@dataclass(frozen=True, slots=True)
class Standing:
    """A contestant that listens. `pid`: the root of its processes."""

    port: int
    pid: int


@contextmanager
def standing(contestants: list[Contestant]) -> Iterator[dict[str, Standing]]:
    """All of them in front of one backend, by name; direct is the backend itself."""
    with ExitStack() as stack:
        port, running = stack.enter_context(backend())
        found = {DIRECT: Standing(port, running.pid)}
        for contestant in contestants:
            its_port, its_process = stack.enter_context(contestant.start(port))
            found[contestant.name] = Standing(its_port, its_process.pid)
        yield found


def versions() -> str:
    """The versions of the contestants, in one line."""
    lines = []
    if (ENVIRONMENT / "bin" / "pip").exists():
        asked = [str(ENVIRONMENT / "bin" / "pip"), "list", "--disable-pip-version-check"]
        listed = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
        wanted = ("litellm ", "hearth-llm ", "httpx-aiohttp ", "httpx2 ")
        lines += [" ".join(x.split()) for x in listed.splitlines() if x.startswith(wanted)]
    if shutil.which("nginx"):
        told = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=False)
        lines.append(told.stderr.strip().rpartition("/")[2].join(("nginx ", "")))
    return ", ".join(lines)
