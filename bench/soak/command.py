"""`python -m bench soak`: minutes of conversations through the proxy while the backends fail."""

import argparse
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from random import Random
from typing import Any

from bench.path.processes import free_port, wait_for
from bench.path.report import markdown
from bench.soak.journal import lines
from bench.soak.rig import Rig, configure, start_proxy
from bench.soak.sampling import Sample, slope
from bench.soak.stock import Stock, configuration, started
from bench.soak.verdict import fates, log_losses, loss, records_of, table, told_after_ms
from tests.fakes.redis_server import RedisServer

HELP = "minutes of conversations against backends that fail: what is lost, and what grows"
EVERY_S = 5.0
SETTLE_S = 40.0
GROWTH = 0.01
"""Share of the resident memory by which it may seem to grow per minute of the second half: the reserve of an
allocator that gets and returns 5 MB at a time varies by as much.
"""


def command(arguments: Sequence[str]) -> int:
    """Run and print; 1 if anything was lost or has leaked."""
    parser = argparse.ArgumentParser(prog="python -m bench soak", description=HELP)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (default 10)")
    parser.add_argument("--seed", type=int, default=0, help="seed of all choices (default 0)")
    parser.add_argument("--conversations", type=int, default=20, help="at once (default 20)")
    parser.add_argument("--backends", type=int, default=2, choices=(1, 2), help="(default 2)")
    parser.add_argument(
        "--attacks",
        action="store_true",
        help="hostile clients beside it, the ledger in Redis, and a stock llama-server (make servers)",
    )
    parser.add_argument("--folder", type=Path, help="keep log, ledger and journals there")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        rig = Rig(folder, options.seed, options.conversations)
        rig.port, *rig.ports = [free_port() for _ in range(1 + options.backends)]
        rig.redis = RedisServer() if options.attacks else None
        seconds = options.minutes * 60
        if rig.redis is None:
            return soak(rig, seconds)
        stock = stack.enter_context(closing(started()))
        beside = stack.enter_context(beside_stock(rig, stock, seconds))
        status = soak(rig, seconds)
        beside.close()
        print(stock.told())
        return status or int(bool(stock.lost))


@contextmanager
def beside_stock(rig: Rig, stock: Stock, seconds: float) -> Iterator[ExitStack]:
    """A second proxy in front of a stock llama-server, its clients and its attacks; all end with the stack."""
    assert rig.redis is not None
    port = free_port()
    config = configuration(rig.folder, port, stock, rig.redis.url)
    with ExitStack() as stack:
        errors = stack.enter_context((rig.folder / "stock.err").open("wb"))
        proxy = start_proxy(config, errors)
        stack.callback(ended, proxy)
        wait_for(port)
        journal = rig.folder / "stock-attacks.journal"
        stack.callback(
            ended, rig.start("bench.soak.attacking", port, seconds, rig.seed + 1, journal)
        )
        stock.load(port, rig.seed)
        stack.callback(stock.finish)
        yield stack


def ended(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and wait for its end."""
    process.kill()
    process.wait()


def soak(rig: Rig, seconds: float) -> int:
    """The whole run: start, load, settle, stop, report."""
    config = configure(rig)
    rig.backends = [rig.start_backend(at) for at in range(len(rig.ports))]
    for port in rig.ports:
        wait_for(port)
    errors = rig.folder / "proxy.err"
    with errors.open("wb") as error_file:
        proxy = start_proxy(config, error_file)
    try:
        wait_for(rig.port)
        rig.began_s = time.monotonic()
        journals = [rig.folder / "warm.journal", rig.folder / "clients.journal"]
        warm(rig, journals[0], proxy.pid)
        idle = settled(rig, proxy.pid, lambda _: False, 6.0)
        load(rig, journals[1], proxy.pid, seconds)
        after = settled(rig, proxy.pid, lambda now: now.descriptors <= idle.descriptors, SETTLE_S)
        running = rig.running()
        proxy.send_signal(signal.SIGTERM)
        status = proxy.wait(60)
    finally:
        for process in (proxy, *rig.backends):
            ended(process)
    held = [
        *compared("descriptors", idle.descriptors, after.descriptors),
        *compared("sockets", idle.sockets, after.sockets),
        *compared("running requests", 0, running),
        *compared("exit status of the proxy", 0, status),
    ]
    return report(rig, journals, held)


def clients(
    rig: Rig, journal: Path, seconds: float, first: int, large: int = 0
) -> subprocess.Popen[bytes]:
    """The process of the clients. `first`: its first serial number; `large`: histories sent at first."""
    seed = f"{rig.seed}/{first}"
    options = (rig.port, rig.conversations, seconds, seed, first, large, journal)
    return rig.start("bench.soak.clients", *options)


def warm(rig: Rig, journal: Path, pid: int) -> None:
    """Enough load that everything that is opened once is open, and the memory for messages is full: 40 MB from
    twenty clients, of which 16 are kept in two generations."""
    process = clients(rig, journal, 2.0, 1_000_001, large=3)
    while process.poll() is None:
        time.sleep(0.2)
    rig.samples.append(rig.sample(pid))


def load(rig: Rig, journal: Path, pid: int, seconds: float) -> None:
    """The clients, the restarts of the backends, and a look at the proxy every few seconds."""
    choose = Random(f"{rig.seed}/restarts")
    process = clients(rig, journal, seconds, 2_000_001)
    attacker = None
    if rig.redis is not None:
        options = (rig.port, seconds, rig.seed, rig.folder / "attacks.journal")
        attacker = rig.start("bench.soak.attacking", *options)
    next_look = next_restart = time.monotonic()
    next_restart += 10
    try:
        while process.poll() is None:
            now = time.monotonic()
            if now >= next_look:
                rig.samples.append(rig.sample(pid))
                next_look = now + EVERY_S
            if now >= next_restart:
                at = choose.randrange(len(rig.backends))
                for which in {at, choose.randrange(4)} & set(range(len(rig.backends))):
                    rig.restart(which, choose)
                next_restart = time.monotonic() + choose.uniform(8, 25)
            time.sleep(0.1)
    finally:
        for each in (process, *([attacker] if attacker else [])):
            ended(each)


def settled(rig: Rig, pid: int, done: Callable[[Sample], bool], limit_s: float) -> Sample:
    """The proxy once it is at rest, or at the limit."""
    until_s = time.monotonic() + limit_s
    while not done(now := rig.sample(pid)) and time.monotonic() < until_s:
        time.sleep(0.25)
    return now


def compared(what: str, before: int, after: int) -> list[str]:
    """A line with both figures; it begins with LEAK if there is more than before."""
    return [f"{'LEAK ' if after > before else ''}{what}: {before} before, {after} after"]


def report(rig: Rig, journals: Sequence[Path], held: Sequence[str]) -> int:
    """Print what happened; 1 if something was lost or has grown."""
    backends = [rig.journal(at) for at in range(len(rig.ports))]
    every = rig.folder / "all.journal"
    every.write_bytes(b"".join(path.read_bytes() for path in journals))
    found = fates(every, backends)
    wrong = Counter(filter(None, map(loss, found.values())))
    records = records_of(rig.folder, "turns.log")
    # An attack has no serial number: the backends answer 404, or are away.
    if rig.redis is not None:
        records = [one for one in records if not is_of_an_attack(one)]
    in_log = log_losses(found, records)
    print("\n".join(table(found)))
    print(f"\nbackend restarts: {rig.restarts}; requests: {len(found)}; lines: {len(records)}")
    print(f"outcomes in the log: {dict(Counter(record['outcome'] for record in records))}")
    print(f"lost: {dict(wrong) or 'nothing'}; in the log: {in_log[:5] or 'nothing'}")
    grows = growth(rig.samples[1:])
    tell_leaving(told_after_ms(found))
    checked = None if rig.redis else check_ledger(rig.folder / "ledger.db")
    if rig.redis is not None:
        print("\n".join(attack_table(rig.folder / "attacks.journal")))
    complaints = (rig.folder / "proxy.err").read_text().count("Traceback")
    print(
        f"ledger: {checked or 'in Redis, not checked'}; tracebacks on standard error: {complaints}"
    )
    print("\n".join(held))
    leaks = [line for line in held if line.startswith("LEAK")]
    return int(bool(wrong or in_log or leaks or complaints or grows or checked not in (None, "ok")))


def is_of_an_attack(record: Mapping[str, Any]) -> bool:
    """Whether a line is not of the conversations, whose requests name a model."""
    return record["model"] is None and record["status"] in (None, 404, 502)


def attack_table(path: Path) -> list[str]:
    """A row for each attack: how often, and how its connections ended."""
    tries: Counter[str] = Counter()
    ends: dict[str, Counter[str]] = {}
    for line in lines(path):
        tries[line["attack"]] += line["tries"]
        ends.setdefault(line["attack"], Counter()).update(line["ends"])
    told = [", ".join(f"{n} x {end}" for end, n in ends[name].items()) for name in tries]
    rows = zip(tries, map(str, tries.values()), told, strict=True)
    return markdown(["attack", "tries", "ended"], map(list, rows))


def growth(samples: Sequence[Sample]) -> bool:
    """Print the memory of each minute; returns whether it still grows in the second half."""
    by_minute = {int(sample.at_s // 60): sample for sample in samples}
    told = ", ".join(f"{sample.rss_mb:.0f}" for sample in by_minute.values())
    print(f"resident memory in MiB, at the end of each minute: {told}")
    half = samples[len(samples) // 2 :]
    if len(half) < 3:
        return False
    rate = slope(half)
    most = max(sample.descriptors for sample in samples)
    print(f"second half: {rate:+.2f} MiB per minute; descriptors at most: {most}")
    return rate > GROWTH * half[-1].rss_mb and samples[-1].at_s > 300


def tell_leaving(times_ms: Sequence[float]) -> None:
    """Print how long it took until the backend learned that a client had left."""
    if not times_ms:
        return
    middle, late = (times_ms[int(len(times_ms) * part)] for part in (0.5, 0.99))
    print(
        f"client left, backend's connection closed: {len(times_ms)} times, "
        f"p50 {middle:.1f} ms, p99 {late:.1f} ms, longest {times_ms[-1]:.1f} ms"
    )


def check_ledger(path: Path) -> str:
    """What SQLite says of the ledger file."""
    with closing(sqlite3.connect(path)) as db:
        return str(db.execute("PRAGMA integrity_check").fetchone()[0])
