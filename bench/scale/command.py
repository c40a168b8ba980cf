"""`python -m bench scale`: several proxies on one ledger, on real parts."""

import argparse
import shutil
import sys
import time
from collections.abc import Callable, Sequence

from bench.scale import faults, load, reuse, rig, store

HELP = "three proxies on one ledger: reuse, load, faults, and a store of 100,000 conversations"


def options(words: Sequence[str]) -> argparse.Namespace:
    """The options of a run."""
    parser = argparse.ArgumentParser(prog="python -m bench scale", description=HELP)
    parser.add_argument(
        "--part", action="append", choices=sorted(PARTS), help="only this one; may be repeated"
    )
    parser.add_argument(
        "--quick", action="store_true", help="small sizes: whether it runs, not how fast"
    )
    parser.add_argument("--conversations", type=int, default=100_000, help="in the store")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each load and each fault")
    found = parser.parse_args(words)
    if found.quick:
        found.conversations, found.seconds = (
            min(found.conversations, 2_000),
            min(found.seconds, 1.0),
        )
    return found


def command(words: Sequence[str]) -> int:
    """Run the parts and print their tables; 1 if a goal was missed, 2 if a program is missing."""
    given = options(words)
    missing = [name for name in ("haproxy", "redis-server") if shutil.which(name) is None]
    if missing:
        print(f"not installed: {', '.join(missing)} (Debian: apt-get install {' '.join(missing)})")
        return 2
    chosen = given.part or list(PARTS)
    codes = []
    for name in (name for name in PARTS if name in chosen):
        began_s = time.monotonic()
        progress(f"{name} begins")
        codes.append(PARTS[name](given))
        progress(f"{name} took {time.monotonic() - began_s:.0f} s")
    return max(codes)


def progress(text: str) -> None:
    """A line on standard error, so that the tables stay whole."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def show_reuse(given: argparse.Namespace) -> int:
    """Cached share of turns 2 and later."""
    absent = [name for name in rig.ROUTERS if not rig.router_path(name)]
    if absent:
        print(f"left out, as they are not installed: {', '.join(absent)} ({rig.ROUTERS_VARIABLE})")
    sizes, noises = ((2, 2), 1) if given.quick else ((6, 4), len(reuse.NOISES))
    rows = []
    print("| way | noise | cached | prompt | share |\n|---|---|---|---|---|")
    for row in reuse.measure(sizes, reuse.NOISES[:noises]):
        rows.append(row)
        print(
            f"| {row.way} | {row.noise} | {row.cached:,} | {row.prompt:,} | {row.share:.1%} |",
            flush=True,
        )
    missed = reuse.missed(rows)
    for row in missed:
        print(
            f"MISSED: {row.way}, {row.noise}: less than {reuse.GOAL} of one proxy in front of one server"
        )
    return int(bool(missed))


def show_load(given: argparse.Namespace) -> int:
    """Requests a second, and their times."""
    print("| proxies | ledger | at once | a second | p50 ms | p99 ms |\n|---|---|---|---|---|---|")
    for row in load.measure(given.seconds):
        print(
            f"| {row.replicas} | {row.store} | {row.connections} | {row.a_second:.0f} | {row.p50_ms:.1f} "
            f"| {row.p99_ms:.1f} |",
            flush=True,
        )
    return 0


def show_faults(given: argparse.Namespace) -> int:
    """What was lost while parts died."""
    found = faults.measure(
        4 if given.quick else 16, given.seconds, lambda name: progress(f"{name} dies")
    )
    journal = found.journal
    print(
        f"{journal.answered:,} requests answered, {found.served:,} by the backends; failed and sent again "
        f"while a part was down: {dict(journal.failed)}; lost {journal.lost}, other bytes {journal.wrong}, "
        f"answered by no backend {found.unseen}, foreign bytes at a backend {found.foreign}",
        flush=True,
    )
    return 0 if found.is_clean else 1


def show_store(given: argparse.Namespace) -> int:
    """A store that grows to its size in three steps."""
    most: int = given.conversations
    print("| conversations | bytes each | counted | look-up p50 ms | p99 ms | written a second |")
    print("|---|---|---|---|---|---|")
    for row in store.measure((most // 100, most // 10, most)):
        print(
            f"| {row.conversations:,} | {row.bytes_each:,.0f} | {row.counted_each:,.0f} | {row.p50_ms:.2f} "
            f"| {row.p99_ms:.2f} | {row.written_a_second:,.0f} |",
            flush=True,
        )
    return 0


PARTS: dict[str, Callable[[argparse.Namespace], int]] = {
    "reuse": show_reuse,
    "load": show_load,
    "faults": show_faults,
    "store": show_store,
}
