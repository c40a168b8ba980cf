"""A benchmark that is stopped ends the servers that it has started."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.servers.stock import stock_binary

pytestmark = [
    pytest.mark.backend,
    pytest.mark.skipif(stock_binary() is None, reason="no llama-server; make servers"),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]


END_S = 10.0
"""How long a killed process may take to be gone on a busy machine. One that was not killed stays."""


def children(process: int) -> list[int]:
    """The processes that it has started and that run."""
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def is_server(process: int) -> bool:
    """Whether it is a llama-server by now, and has not ended."""
    try:
        return b"llama-server" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("long_read", signal.SIGINT),
        ("long_read", signal.SIGTERM),
        ("sessions", signal.SIGTERM),
        ("sessions", signal.SIGHUP),
    ],
)
def test_no_server_is_left_behind(name: str, asked: signal.Signals) -> None:
    """The signal comes as soon as the server runs, so before it answers."""
    line = [sys.executable, "-m", "bench", name]
    bench = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not (servers := [*filter(is_server, children(bench.pid))]):
            assert bench.poll() is None
            time.sleep(0.01)
        bench.send_signal(asked)
        bench.wait(30)
        until = time.monotonic() + END_S
        while (left := [*filter(is_server, servers)]) and time.monotonic() < until:
            time.sleep(0.01)
    finally:
        bench.kill()
        bench.wait()
    for server in left:
        os.kill(server, signal.SIGKILL)

    assert left == []
