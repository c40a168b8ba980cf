"""`python -m bench path`: direct, nginx, the proxy, and other proxies, side by side in one run."""

import argparse
import sys
from collections.abc import Sequence
from itertools import product

from bench.path.bodies import SIZES, Mode
from bench.path.contestants import CONTESTANTS, Contestant, standing, versions
from bench.path.measure import Row, load_process, measure
from bench.path.processes import free_port as free_port
from bench.path.processes import process as process
from bench.path.processes import resident_mb
from bench.path.processes import wait_for as wait_for
from bench.path.report import exit_code, goal_lines, goals, machine, tables

HELP = "what a relayed request costs: added milliseconds, requests per second, and streams"
_AT = (1, 16, 64)
_MODES: tuple[Mode, Mode] = ("whole", "stream")


def command(arguments: Sequence[str]) -> int:
    """Measure and print; 1 if a goal was missed."""
    options = parser().parse_args(arguments)
    if options.core:
        from bench.path.core import core

        return core()
    if options.clients:
        from bench.path.clients import clients

        return clients(options.rounds, options.seconds)
    if options.profile:
        from bench.path.profiling import profile

        return profile()
    names = None if options.with_ is None else [name.strip() for name in options.with_.split(",")]
    chosen = select(names)
    rows = rows_of(options.size or list(SIZES), is_all=options.all)
    if options.client_load:
        rows = [row for row in rows if row.mode == "whole"]
    module = "client_load" if options.client_load else "load"
    with standing(chosen) as found, load_process(module) as load:
        cells = measure(load, found, rows, options.rounds, options.seconds, say)
        memory = [f"{name} {resident_mb(stands.pid):.0f} MB" for name, stands in found.items()]
    print(f"{machine()}; {versions()}; {options.rounds} rounds of {options.seconds} s a cell.\n")
    print("\n".join(tables(list(found), rows, cells)))
    print(f"\nResident memory after the run (first process): {', '.join(memory)}.\n")
    reached = goals(cells)
    print("\n".join(goal_lines(reached)))
    return exit_code(reached)


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(prog="python -m bench path", description=HELP)
    known = ", ".join(contestant.name for contestant in CONTESTANTS)
    made.add_argument("--rounds", type=int, default=3, help="each cell is measured in each (3)")
    made.add_argument("--seconds", type=float, default=0.5, help="how long a cell takes (0.5)")
    made.add_argument("--size", action="append", choices=SIZES, help="may be repeated")
    made.add_argument("--with", dest="with_", metavar="NAME,...", help=f"besides direct: {known}")
    made.add_argument("--all", action="store_true", help="8 MB at 16 and 64 too (minutes more)")
    made.add_argument(
        "--client-load", action="store_true", help="whole replies, requested by an aiohttp client"
    )
    other = made.add_mutually_exclusive_group()
    other.add_argument("--core", action="store_true", help="the work on the messages alone")
    other.add_argument("--clients", action="store_true", help="the proxy with other HTTP clients")
    other.add_argument("--profile", action="store_true", help="where its time goes (py-spy)")
    return made


def say(line: str) -> None:
    """Progress."""
    print(line, file=sys.stderr, flush=True)


def select(names: Sequence[str] | None) -> list[Contestant]:
    """The named contestants, or those of every run; without those that are not installed."""
    if names is not None and (unknown := set(names) - {c.name for c in CONTESTANTS}):
        raise SystemExit(f"no contestant {', '.join(sorted(unknown))}")
    chosen = []
    for contestant in CONTESTANTS:
        if contestant.name not in names if names is not None else not contestant.is_default:
            continue
        if contestant.is_here():
            chosen.append(contestant)
        else:
            say(f"without {contestant.name}: {contestant.install}")
    return chosen


def rows_of(sizes: Sequence[str], *, is_all: bool) -> list[Row]:
    """The loads. 8 MB is sent one at a time: sixteen at once take seconds per request everywhere."""
    rows = [
        Row(size, mode, at)
        for size, mode, at in product(sizes, _MODES, _AT)
        if is_all or size != "8 MB" or at == 1
    ]
    return [*rows, *(Row("20 KB", "paced", at) for at in (1, 16) if "20 KB" in sizes)]
