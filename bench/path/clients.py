"""`python -m bench path --clients`: the complete proxy with each HTTP client that fits, and behind a router."""

import importlib.util
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager

from bench.path.contestants import (
    COMPLETE,
    ENVIRONMENT,
    Contestant,
    Started,
    complete,
    serve,
    standing,
)
from bench.path.measure import Row, load_process, measure
from bench.path.other_client import CLIENTS, ROUTED
from bench.path.report import machine, tables

_ROWS = [
    Row("1 KB", "whole", 1),
    Row("1 KB", "whole", 16),
    Row("20 KB", "whole", 1),
    Row("20 KB", "whole", 16),
    Row("1 MB", "whole", 1),
    Row("20 KB", "stream", 1),
    Row("20 KB", "stream", 16),
    Row("20 KB", "paced", 16),
]


def clients(rounds: int, seconds: float) -> int:
    """Measure and print; always 0, as it is a comparison."""
    here = [Contestant(f"{COMPLETE} (aiohttp)", complete)]
    for way in (*CLIENTS, ROUTED):
        if is_installed(way):
            here.append(Contestant(f"with {way}", _with(way)))
        else:
            print(f"without {way}: make bench-contestants", file=sys.stderr)
    with standing(here) as found, load_process() as load:
        cells = measure(
            load, found, _ROWS, rounds, seconds, lambda line: print(line, file=sys.stderr)
        )
    print(f"{machine()}; {rounds} rounds of {seconds} s a cell.\n")
    print("\n".join(tables(list(found), _ROWS, cells)))
    return 0


def is_installed(way: str) -> bool:
    """Whether the module is installed, in this environment or in that of the benchmark."""
    name = way.replace("-", "_")
    folders = ENVIRONMENT.glob("lib/python*/site-packages")
    return importlib.util.find_spec(name) is not None or any((f / name).is_dir() for f in folders)


def _with(way: str) -> Callable[[int], AbstractContextManager[Started]]:
    return lambda port: serve(port, {}, ("bench.path.other_client", way))
