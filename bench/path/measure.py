"""Runs the load on every contestant, in rounds, so that a drift of the machine affects all alike."""

import json
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from bench.path.bodies import Mode
from bench.path.contestants import Standing
from bench.path.load import Job, Told
from bench.path.mock import EVENTS
from bench.path.processes import Running, cpu_s, process


@dataclass(frozen=True, slots=True)
class Row:
    """A load: which history, how the reply comes, and how many connections ask at once."""

    size: str
    mode: Mode
    at: int


@dataclass(frozen=True, slots=True)
class Cell:
    """One run of a load on one contestant. Milliseconds are medians; `cpu_ms` is the processor time of the
    contestant's processes per request."""

    median_ms: float
    first_ms: float
    rate: float
    cpu_ms: float


@dataclass(frozen=True, slots=True)
class Figure:
    """The median of the rounds, and half the distance between the smallest and the largest."""

    middle: float
    half_spread: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Figure":
        """From at least one value."""
        return cls(statistics.median(values), (max(values) - min(values)) / 2)

    @property
    def percent(self) -> float:
        """The half spread relative to the median; 0 if that is 0."""
        return self.half_spread / self.middle * 100 if self.middle else 0.0


Cells = dict[tuple[str, Row], list[Cell]]


class Load:
    """The load's process."""

    def __init__(self, running: Running) -> None:
        assert running.stdin is not None
        assert running.stdout is not None
        self._sink, self._source = running.stdin, running.stdout

    def run(self, standing: Standing, row: Row, seconds: float) -> Cell:
        """One cell. Raises RuntimeError if the contestant did not answer as it should."""
        job = Job(standing.port, row.size, row.mode, row.at, seconds)
        before_s = cpu_s(standing.pid)
        self._sink.write(json.dumps(asdict(job)).encode() + b"\n")
        self._sink.flush()
        told = Told(**json.loads(self._source.readline()))
        spent_s = cpu_s(standing.pid) - before_s
        if told.failed:
            raise RuntimeError(f"{row}: {told.failed}")
        return Cell(
            statistics.median(told.seconds) * 1000,
            statistics.median(told.first_seconds) * 1000,
            len(told.seconds) / told.total_s,
            spent_s * 1000 / told.all_requests,
        )


@contextmanager
def load_process(module: str = "load") -> Iterator[Load]:
    """A load that waits for jobs: bench/path/load.py, or client_load.py."""
    with process([sys.executable, "-m", f"bench.path.{module}"], talks=True) as running:
        yield Load(running)


def measure(
    load: Load,
    standing: Mapping[str, Standing],
    rows: Sequence[Row],
    rounds: int,
    seconds: float,
    say: Callable[[str], None],
) -> Cells:
    """Every row on every contestant, `rounds` times. A contestant that fails in a row is out of that row."""
    cells: Cells = {}
    failed: set[tuple[str, Row]] = set()
    for number in range(rounds):
        for row in rows:
            for name, stands in standing.items():
                if (name, row) in failed:
                    continue
                try:
                    cell = load.run(stands, row, seconds)
                except RuntimeError as error:
                    say(f"{name}: {error}")
                    failed.add((name, row))
                    continue
                cells.setdefault((name, row), []).append(cell)
            say(f"round {number + 1} of {rounds}: {row.size}, {row.mode}, at {row.at}")
    return {key: found for key, found in cells.items() if key not in failed}


def median_of(cells: Cells, name: str, row: Row, pick: Callable[[Cell], float]) -> float | None:
    """The median of the rounds; None if it was not measured."""
    found = cells.get((name, row))
    return statistics.median(map(pick, found)) if found else None


def event_us(cells: Cells, name: str, size: str, at: int, mode: Mode) -> Figure | None:
    """Microseconds of processor time per event of a stream, without its request: the cost of a request with a
    whole reply, the median of its rounds, is subtracted.
    """
    whole = median_of(cells, name, Row(size, "whole", at), lambda cell: cell.cpu_ms)
    streams = cells.get((name, Row(size, mode, at)))
    if whole is None or not streams:
        return None
    return Figure.of([(cell.cpu_ms - whole) * 1000 / EVENTS for cell in streams])
