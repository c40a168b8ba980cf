"""A ledger with many conversations on redis-server: bytes of each, the time of a look-up, and how both grow."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench.scale import rig
from tests.fakes.redis_server import RedisServer
from warmprefix.core.identity.keys import chain_key, content_key
from warmprefix.core.memory.ledger import Asked, Conversation, Entry, Marks, Node, node_id
from warmprefix.core.memory.trail import Trail
from warmprefix.core.types import RawJson
from warmprefix.stores.base import Opening
from warmprefix.stores.redis.seal import Plain
from warmprefix.stores.redis.store import RedisReader, RedisWriter

MESSAGES = 8
_BATCH = 200
_LOOKUPS = 500
_ROOT = content_key(b"bench")
_TOOLS = (RawJson(b'{"type":"function","function":{"name":"read"}}'),)
_SYSTEM = RawJson(b'{"role":"system","content":"%s"}' % (b"You look after a harbour. " * 160))


@dataclass(frozen=True, slots=True)
class Row:
    """A store with so many conversations: `bytes_each` that the server uses for one, `counted_each` by our
    count."""

    conversations: int
    bytes_each: float
    counted_each: float
    p50_ms: float
    p99_ms: float
    written_a_second: float


def entry_of(number: int) -> Entry:
    """A conversation of eight messages, a kilobyte each, behind a system text that all share."""
    name = f"c{number}"
    texts = [_SYSTEM, *(_text(number, at) for at in range(1, MESSAGES))]
    nodes: list[Node] = []
    key, parent = _ROOT, _ROOT
    for at, raw in enumerate(texts):
        key = chain_key(key, content_key(raw))
        node = Node(
            node_id(parent, key, raw), key, parent, raw, at == MESSAGES - 1, name, f"{name}-1"
        )
        nodes.append(node)
        parent = node.id
    tip = nodes[-2].key
    last = Conversation(name, 1, f"{name}-1", "m", tip, MESSAGES - 1, key, _TOOLS, {}, "b", name)
    trail = Trail(f"{name}-1", parent, True, 2000, 100)
    marks = Marks(_ROOT, content_key(name.encode()), b"tools")
    return Entry(tuple(nodes), last, trail, (key,), marks)


def _text(number: int, at: int) -> RawJson:
    role = b"user" if at % 2 else b"assistant"
    return RawJson(b'{"role":"%s","content":"%s"}' % (role, (b"%d.%d " % (number, at)) * 120))


def measure(steps: tuple[int, ...]) -> Iterator[Row]:
    """A row at each number of conversations, of one store that grows."""
    with rig.ledger() as server:
        opening = Opening(server.url, 1 << 40, 1e9)
        writer, reader = RedisWriter(opening, Plain()), RedisReader(opening, Plain())
        empty, done = used(server), 0
        for step in steps:
            began_s = time.perf_counter()
            for start in range(done, step, _BATCH):
                writer.write([entry_of(n) for n in range(start, min(start + _BATCH, step))])
            took_s = time.perf_counter() - began_s
            times = sorted(
                lookup_s(reader, number * step // _LOOKUPS) for number in range(_LOOKUPS)
            )
            p50, p99 = (times[len(times) * at // 100] * 1000 for at in (50, 99))
            each = (used(server) - empty) / step
            counted = writer.totals().bytes / step
            yield Row(step, each, counted, p50, p99, (step - done) / took_s)
            done = step
        writer.close()
        reader.disconnect()


def lookup_s(reader: RedisReader, number: int) -> float:
    """What the next turn of a conversation asks, by a proxy that knows nothing of it."""
    entry = entry_of(number)
    keys = [node.key for node in entry.nodes]
    asked = Asked(entry.marks, entry.landmarks, 2)
    began_s = time.perf_counter()
    found = reader.recall(keys, asked, {})
    took_s = time.perf_counter() - began_s
    assert len(found.nodes) == MESSAGES
    assert found.pasts
    return took_s


def used(server: RedisServer) -> int:
    """`used_memory` of the server."""
    info = server.command("INFO", "memory")
    assert isinstance(info, dict | bytes)
    if isinstance(info, dict):
        return int(info["used_memory"])
    (line,) = (line for line in info.split(b"\r\n") if line.startswith(b"used_memory:"))
    return int(line.partition(b":")[2])
