"""`python -m bench path`: direct, bare relays, and the proxy with rules off and complete, in one run."""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.path.load import KINDS
from proxy.core.rules import RULES

HELP = "what a relayed request costs: added milliseconds, requests a second, and streams, as ratios"
_REQUESTS = {"1 KB": 400, "20 KB": 400, "1 MB": 40, "stream": 60}
_OFF = json.dumps([rule.name for rule in RULES])


Running = subprocess.Popen[bytes]


@dataclass(frozen=True, slots=True)
class Cell:
    """One load on one path. `median_ms` of a request, `rate` requests a second."""

    median_ms: float
    rate: float


def command(arguments: Sequence[str]) -> int:
    """Measure and print; always 0: times are told, never asserted."""
    parser = argparse.ArgumentParser(prog="python -m bench path", description=HELP)
    parser.add_argument(
        "--rounds", type=int, default=3, help="rounds; each path in each (default 3)"
    )
    parser.add_argument("--kind", action="append", choices=KINDS, help="may be repeated")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        ports, proxies = stack.enter_context(paths())
        rows = [(kind, at) for kind in options.kind or KINDS for at in (1, 16)]
        cells = {
            (name, *row): [load(port, *row) for _ in range(options.rounds)]
            for row in rows
            for name, port in ports.items()
        }
        report(list(ports), rows, cells)
        for name, running in proxies.items():
            print(f"resident memory, {name}: {resident_mb(running.pid)} MB")
    return 0


def resident_mb(pid: int) -> int | None:
    """Resident memory of a process, where the system tells."""
    statm = Path(f"/proc/{pid}/statm")
    if not statm.exists():
        return None
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20


@contextmanager
def paths() -> Iterator[tuple[dict[str, int], dict[str, Running]]]:
    """The port of each path (direct is the backend itself), and the proxies among them."""
    with ExitStack() as stack:
        backend = stack.enter_context(process([sys.executable, "-m", "bench.path.mock"]))
        assert backend.stdout is not None
        mock = int(backend.stdout.readline())
        ports = {"direct": mock}
        proxies: dict[str, Running] = {}
        for name in ("aiohttp", "httpx"):
            port = free_port()
            relay = [sys.executable, "-m", "bench.path.relays", name, str(mock), str(port)]
            stack.enter_context(process(relay))
            ports[f"bare {name}"] = port
        for name, variables in (
            ("proxy, rules off", {"WARMPREFIX_CANONICALIZE__DISABLE": _OFF}),
            ("proxy", {}),
        ):
            ports[name], proxies[name] = stack.enter_context(proxy(mock, variables))
        for port in ports.values():
            wait_for(port)
        yield ports, proxies


@contextmanager
def proxy(backend: int, variables: dict[str, str]) -> Iterator[tuple[int, Running]]:
    """`warmprefix serve` with a ledger of its own."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "ledger.db")
        environment = {**os.environ, "WARMPREFIX_MEMORY__PATH": path, **variables}
        serve = [sys.executable, "-m", "proxy", "serve", "--port", str(port)]
        serve += ["--backend", f"http://127.0.0.1:{backend}"]
        with process(serve, environment) as running:
            yield port, running


@contextmanager
def process(line: list[str], environment: dict[str, str] | None = None) -> Iterator[Running]:
    """A process that ends with the block."""
    with tempfile.TemporaryFile() as log:
        is_mock = line[-1] == "bench.path.mock"
        running = subprocess.Popen(
            line,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if is_mock else log,
            stderr=log,
            env=environment,
        )
        try:
            yield running
        finally:
            running.terminate()
            running.wait()


def free_port() -> int:
    """A port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_for(port: int, limit_s: float = 20.0) -> None:
    """Return when somebody listens."""
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise TimeoutError(f"nobody listens on {port}")


def load(port: int, kind: str, concurrency: int) -> Cell:
    """One run of the load in a process of its own."""
    count = str(_REQUESTS[kind])
    line = [sys.executable, "-m", "bench.path.load", str(port), kind, str(concurrency), count]
    told = json.loads(subprocess.run(line, check=True, capture_output=True).stdout)
    seconds = told["seconds"]
    return Cell(statistics.median(seconds) * 1000, len(seconds) / told["total"])


def report(
    names: list[str],
    rows: list[tuple[str, int]],
    cells: dict[tuple[str, str, int], list[Cell]],
) -> None:
    """The table; each cell is the median of the rounds, with their spread."""
    print("added milliseconds to a request (p50) at 1, and requests a second at 16 against direct")
    print(f"{'':>10}" + "".join(f"{name:>24}" for name in names))
    for kind, at in rows:
        direct = cells[("direct", kind, at)]
        texts = [_cell(cells[(name, kind, at)], direct, at) for name in names]
        print(f"{kind:>7} {at:>2}" + "".join(f"{text:>24}" for text in texts))


def _cell(found: list[Cell], direct: list[Cell], at: int) -> str:
    pick: Callable[[Cell], float] = (lambda c: c.median_ms) if at == 1 else (lambda c: c.rate)
    values = sorted(map(pick, found))
    base = statistics.median(map(pick, direct))
    middle = statistics.median(values)
    spread = (values[-1] - values[0]) / middle * 100
    if at == 1:
        return f"{middle:.2f} ms (+{middle - base:.2f}) ±{spread / 2:.0f}%"
    return f"{middle:,.0f}/s ({middle / base:.2f}) ±{spread / 2:.0f}%"
