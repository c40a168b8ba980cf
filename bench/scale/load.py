"""Requests a second and their times, through 0 to 3 proxies behind haproxy, on a backend that costs nothing."""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from bench.path.load import Job, Told
from bench.path.processes import process
from bench.scale import rig

SIZE = "20 KB"


@dataclass(frozen=True, slots=True)
class Row:
    """`connections` at once through so many `replicas`, with this store."""

    replicas: int
    store: str
    connections: int
    a_second: float
    p50_ms: float
    p99_ms: float


@contextmanager
def way(replicas: int, store: str) -> Iterator[int]:
    """The port of haproxy in front of so many proxies, or of the mock backend itself."""
    with ExitStack() as stack:
        port, _ = stack.enter_context(rig.worker("bench.path.mock"))
        urls, place = [f"http://127.0.0.1:{port}"], store
        if replicas:
            if store == "redis":
                place = stack.enter_context(rig.ledger()).url
            made = stack.enter_context(rig.proxies(replicas, urls, place))
            urls = [proxy.url for proxy in made]
        url = stack.enter_context(rig.haproxy(urls, "balance leastconn"))
        yield urlsplit(url).port or 0


def run(port: int, connections: int, seconds: float) -> Told:
    """One job of the load generator."""
    job = Job(port, SIZE, "whole", connections, seconds)
    with process([sys.executable, "-m", "bench.path.load"], talks=True) as load:
        assert load.stdin is not None
        assert load.stdout is not None
        load.stdin.write(json.dumps(asdict(job)).encode() + b"\n")
        load.stdin.flush()
        told = Told(**json.loads(load.stdout.readline()))
        load.stdin.close()
    if told.failed:
        raise RuntimeError(told.failed)
    return told


def measure(seconds: float, connections: tuple[int, ...] = (1, 16, 64)) -> Iterator[Row]:
    """All rows: without a proxy, one with its ledger in memory, and one to three with one in redis-server."""
    for replicas, store in ((0, "none"), (1, "memory"), (1, "redis"), (2, "redis"), (3, "redis")):
        with way(replicas, store) as port:
            for at_once in connections:
                yield row_of(replicas, store, at_once, run(port, at_once, seconds))


def row_of(replicas: int, store: str, connections: int, told: Told) -> Row:
    """The row of a job."""
    times = sorted(told.seconds)
    p50, p99 = (times[len(times) * at // 100] * 1000 for at in (50, 99))
    return Row(replicas, store, connections, len(times) / told.total_s, p50, p99)
