"""`python -m bench limits`: plays each attack on a proxy of its own while its health is asked for."""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.limits.attacks import ATTACKS
from bench.path.contestants import serve
from bench.path.processes import cpu_s, free_port, process, resident_mb, wait_for
from bench.path.report import machine, markdown

HELP = "what hostile clients and backends cost all others: health beside them, and memory"
_EVERY_S = 0.01
_REQUEST = b"GET /warmprefix/health HTTP/1.1\r\nHost: localhost\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Row:
    """One attack. `health_ms`: sorted; `grown_mb`: the most resident memory above that before it."""

    name: str
    result: dict[str, Any]
    health_ms: list[float]
    grown_mb: float
    cpu_s: float


def command(arguments: Sequence[str]) -> int:
    """Play and print."""
    parser = argparse.ArgumentParser(prog="python -m bench limits", description=HELP)
    parser.add_argument("names", nargs="*", help="only attacks whose names contain one of these")
    options = parser.parse_args(arguments)
    named = [name for name in ATTACKS if not options.names or any(n in name for n in options.names)]
    print(f"{machine()}.\n", flush=True)
    rows = []
    for name in named:
        rows.append(played(name))
        print(table(rows[-1:])[-1], flush=True)
    print("\n" + "\n".join(table(rows)))
    return 0


def played(name: str) -> Row:
    """One attack on a proxy that has just started."""
    fault = name.partition("questions: ")[2] or "fine"
    port = free_port()
    with ExitStack() as stack:
        stack.enter_context(
            process([sys.executable, "-m", "bench.limits.backend", str(port), fault])
        )
        wait_for(port)
        proxy, running = stack.enter_context(serve(port, {}, page="health"))
        before_mb, before_s = resident_mb(running.pid), cpu_s(running.pid)
        line = [sys.executable, "-m", "bench.limits.attacks", str(proxy), name]
        attack = stack.enter_context(process(line, talks=True))
        health = asyncio.run(watched(proxy, attack))
        assert attack.stdout is not None
        result = json.loads(attack.stdout.readline() or b"{}")
        grown = peak_mb(running.pid) - before_mb
        return Row(name, result, sorted(health), grown, cpu_s(running.pid) - before_s)


def peak_mb(pid: int) -> float:
    """The peak of resident memory in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


async def watched(port: int, attack: Any) -> list[float]:
    """Milliseconds of each answer of `/warmprefix/health` until the attack has ended."""
    found = []
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while attack.poll() is None:
        began_s = time.perf_counter()
        writer.write(_REQUEST)
        await reader.readuntil(b"\r\n\r\n")
        await reader.readuntil(b"}")
        found.append((time.perf_counter() - began_s) * 1000)
        await asyncio.sleep(_EVERY_S)
    writer.close()
    return found


def table(rows: Sequence[Row]) -> list[str]:
    """A row for each attack."""
    head = [
        "attack",
        "tries",
        "ends",
        "took s",
        "health p50 ms",
        "p99",
        "worst",
        "MB in flight",
        "MB grown",
        "CPU s",
    ]
    return markdown(head, (_row(row) for row in rows))


def _row(row: Row) -> list[str]:
    ends = ", ".join(f"{count} x {end}" for end, count in row.result.get("ends", {}).items())
    health = row.health_ms or [0.0]
    return [
        row.name,
        str(row.result.get("tries", 0)),
        ends,
        f"{row.result.get('longest_s', 0):.1f}",
        f"{health[len(health) // 2]:.1f}",
        f"{health[int(len(health) * 0.99)]:.0f}",
        f"{health[-1]:.0f}",
        f"{row.result.get('flight_bytes', 0) / 2**20:.0f}",
        f"{row.grown_mb:.0f}",
        f"{row.cpu_s:.1f}",
    ]
