"""The processes of a benchmark: starts them, waits for them, measures them, and ends them with their block."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

Running = subprocess.Popen[bytes]
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_END_S = 10.0


@contextmanager
def process(
    line: list[str],
    environment: Mapping[str, str] | None = None,
    *,
    talks: bool = False,
    ends_with: signal.Signals = signal.SIGTERM,
) -> Iterator[Running]:
    """A process that ends with the block. `talks`: its standard output is read instead of dropped. Its last
    output is shown if the block fails and the process has ended by itself.
    """
    with tempfile.TemporaryFile() as log:
        running = subprocess.Popen(
            line,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if talks else log,
            stderr=log,
            env=environment,
        )
        try:
            yield running
        except BaseException:
            if running.poll() is not None:
                log.seek(0)
                told = log.read()[-2000:].decode(errors="replace")
                sys.stderr.write(f"{' '.join(line)} ended with {running.returncode}:\n{told}\n")
            raise
        finally:
            running.send_signal(ends_with)
            try:
                running.wait(_END_S)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()
            for pipe in (running.stdin, running.stdout):
                if pipe is not None:
                    pipe.close()


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


def wait_until_answered(url: str, running: Running, limit_s: float = 90.0) -> None:
    """Return when the page answers 200. Raises TimeoutError, at once if the process has ended."""
    until = time.monotonic() + limit_s
    while time.monotonic() < until and running.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.01)
    raise TimeoutError(url)


def resident_mb(pid: int) -> float:
    """Resident memory of a process in MiB. Raises FileNotFoundError if the system has no /proc."""
    statm = Path(f"/proc/{pid}/statm").read_text()
    return int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def cpu_s(pid: int) -> float:
    """Processor time of a process and of its children, running or ended, in seconds (user and system).

    Whole clock ticks, which are 10 ms on Linux. 0.0 if the system has no /proc.
    """
    stats = every_stat()
    return sum(ticks_of(stats[member]) for member in tree_of(pid, stats)) / TICKS_A_SECOND


def every_stat() -> dict[int, str]:
    """The `stat` line of every process (proc_pid_stat(5))."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            found[int(folder.name)] = (folder / "stat").read_text()
        except OSError:  # it has ended since
            continue
    return found


def tree_of(pid: int, stats: Mapping[int, str]) -> set[int]:
    """The process, if it runs, and all that it started, children's children included."""
    members = {pid} & set(stats)
    while more := {p for p, stat in stats.items() if _parent(stat) in members} - members:
        members |= more
    return members


def ticks_of(stat: str) -> int:
    """utime, stime, cutime and cstime: fields 14 to 17, counted from the name on, which may contain blanks."""
    return sum(int(field) for field in _behind_name(stat)[11:15])


def _parent(stat: str) -> int:
    return int(_behind_name(stat)[1])


def _behind_name(stat: str) -> list[str]:
    return stat[stat.rindex(")") + 2 :].split()
