"""`python -m bench memory`: cold start, idle memory, ten thousand conversations, and flatness in time."""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.memory.load import MESSAGES, Job
from bench.path.contestants import backend
from bench.path.processes import Running, free_port, process, resident_mb, wait_until_answered
from bench.path.report import Goal, exit_code, goal_lines, machine, markdown

HELP = "memory of the proxy: idle, after ten thousand conversations, and as time goes on"
HIGHEST_IDLE_MB = 90.0
HIGHEST_FULL_MB = 200.0
HIGHEST_START_S = 1.0
HIGHEST_GROWTH_MB = 5.0
"""Growth from the first third of the long phase to its last: a busy allocator varies by as much."""
_STARTS = 7
_IDLE_S = 3.0  # the backend has been asked and its template probed
_STEP = 1000
_RETURNING = 0.5  # of the conversations in the long phase are old ones; the others are new


@dataclass(frozen=True, slots=True)
class Sample:
    """Resident memory and the size of the ledger's files after so many conversations."""

    conversations: int
    resident_mb: float
    ledger_mb: float
    seconds: float


def command(arguments: Sequence[str]) -> int:
    """Measure and print; 1 if a goal was missed."""
    parser = argparse.ArgumentParser(prog="python -m bench memory", description=HELP)
    parser.add_argument("--conversations", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=5.0, help="length of the long phase")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        port, _ = stack.enter_context(backend())
        starts = [start_s(port) for _ in range(_STARTS)]
        found = stack.enter_context(measured(port))
        time.sleep(_IDLE_S)
        idle = resident_mb(found.proxy.pid)
        filling = list(found.fill(options.conversations))
        going_on = list(found.go_on(options.conversations, options.minutes * 60))
    print(f"{machine()}.\n")
    print(
        f"Start to the first answer of /warmprefix/health: {statistics.median(starts):.2f} s",
        end="",
    )
    print(f" ({min(starts):.2f} to {max(starts):.2f}, {_STARTS} starts). Idle: {idle:.0f} MB.\n")
    print("\n".join(table(filling)))
    print(f"\nGoing on, {_RETURNING:.0%} of them old conversations:\n")
    print("\n".join(table(thinned(going_on))))
    print()
    reached = goals(statistics.median(starts), idle, filling[-1].resident_mb, going_on)
    print("\n".join(goal_lines(reached)))
    return exit_code(reached)


@contextmanager
def serving(backend_port: int, folder: str) -> Iterator[tuple[int, Running]]:
    """`warmprefix serve` with SQLite, just started."""
    port = free_port()
    url = f"http://127.0.0.1:{backend_port}"
    line = [sys.executable, "-m", "warmprefix", "serve", "--port", str(port), "--backend", url]
    variables = {**os.environ, "WARMPREFIX_MEMORY__PATH": str(Path(folder) / "ledger.db")}
    with process(line, variables) as running:
        yield port, running


def start_s(backend_port: int) -> float:
    """Seconds from the start of the process to its first answer."""
    with tempfile.TemporaryDirectory() as folder:
        began_s = time.perf_counter()
        with serving(backend_port, folder) as (port, running):
            wait_until_answered(f"http://127.0.0.1:{port}/warmprefix/health", running)
            return time.perf_counter() - began_s


@contextmanager
def measured(backend_port: int) -> Iterator["Measured"]:
    """A proxy with its load."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        port, running = stack.enter_context(serving(backend_port, folder))
        wait_until_answered(f"http://127.0.0.1:{port}/warmprefix/ready", running)
        line = [sys.executable, "-m", "bench.memory.load", str(port)]
        load = stack.enter_context(process(line, talks=True))
        yield Measured(running, load, Path(folder))


class Measured:
    """A proxy, the load on it, and the folder of its ledger."""

    def __init__(self, proxy: Running, load: Running, folder: Path) -> None:
        self.proxy = proxy
        self._load = load
        self._folder = folder
        self._began_s = time.monotonic()

    def fill(self, conversations: int) -> Iterator[Sample]:
        """Yield a sample after every thousand new conversations."""
        for first in range(0, conversations, _STEP):
            last = min(first + _STEP, conversations)
            yield self._hold(list(range(first, last)), last)

    def go_on(self, conversations: int, seconds: float) -> Iterator[Sample]:
        """Yield a sample every few seconds, while old conversations come back among new ones."""
        until_s = time.monotonic() + seconds
        chance = random.Random(1)
        while time.monotonic() < until_s:
            numbers = []
            for _ in range(_STEP // 5):
                is_old = chance.random() < _RETURNING
                numbers.append(chance.randrange(conversations) if is_old else conversations)
                conversations += not is_old
            yield self._hold(numbers, conversations)

    def _hold(self, numbers: list[int], conversations: int) -> Sample:
        assert self._load.stdin is not None
        assert self._load.stdout is not None
        self._load.stdin.write(json.dumps(asdict(Job(numbers))).encode() + b"\n")
        self._load.stdin.flush()
        if int(self._load.stdout.readline() or 0) != 2 * len(numbers):
            raise RuntimeError("the load ended")
        size = sum(file.stat().st_size for file in self._folder.iterdir()) / 2**20
        spent_s = time.monotonic() - self._began_s
        return Sample(conversations, resident_mb(self.proxy.pid), size, spent_s)


def table(samples: Sequence[Sample]) -> list[str]:
    """One row for each sample."""
    head = ["conversations", "resident MB", "ledger MB", "after s"]
    return markdown(
        head,
        (
            [
                f"{s.conversations:,}",
                f"{s.resident_mb:.0f}",
                f"{s.ledger_mb:.0f}",
                f"{s.seconds:.0f}",
            ]
            for s in samples
        ),
    )


def thinned(samples: Sequence[Sample], rows: int = 6) -> list[Sample]:
    """At most so many of them, and the last."""
    step = max(1, len(samples) // rows)
    return [*samples[:-1:step], *samples[-1:]]


def growth_mb(samples: Sequence[Sample]) -> float | None:
    """Mean resident memory of the last third minus that of the first; None if there are fewer than three
    samples."""
    third = len(samples) // 3
    if not third:
        return None
    resident = [sample.resident_mb for sample in samples]
    return statistics.mean(resident[-third:]) - statistics.mean(resident[:third])


def goals(start: float, idle: float, full: float, going_on: Sequence[Sample]) -> list[Goal]:
    """The goals of memory and start."""
    growth = growth_mb(going_on)
    return [
        Goal(f"starts in at most {HIGHEST_START_S} s", f"{start:.2f} s", start <= HIGHEST_START_S),
        Goal(f"idle: at most {HIGHEST_IDLE_MB:.0f} MB", f"{idle:.0f} MB", idle <= HIGHEST_IDLE_MB),
        Goal(
            f"filled with conversations of {MESSAGES} messages: at most {HIGHEST_FULL_MB:.0f} MB",
            f"{full:.0f} MB",
            full <= HIGHEST_FULL_MB,
        ),
        Goal(
            f"flat as time goes on: at most {HIGHEST_GROWTH_MB:.0f} MB more in the last third",
            "–" if growth is None else f"{growth:+.1f} MB",
            None if growth is None else growth <= HIGHEST_GROWTH_MB,
        ),
    ]
