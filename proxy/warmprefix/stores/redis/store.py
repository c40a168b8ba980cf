"""The store on a server that speaks Redis' protocol: a far store that several proxies write."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from warmprefix.core.errors import StoreError
from warmprefix.core.memory.ledger import MAX_ALIKE, NOTHING, Asked, Entry, Found, Node, Past
from warmprefix.stores.base import Opening
from warmprefix.stores.behind import FRONT_BYTES
from warmprefix.stores.far import Finished, Totals
from warmprefix.stores.redis.leases import RedisLeases
from warmprefix.stores.redis.packing import found_of, pack, pack_tools
from warmprefix.stores.redis.seal import Plain, Sealed
from warmprefix.stores.redis.server import Script, Server, said
from warmprefix.stores.redis.trails import pack_trail, past_of, recalled, trail_name
from warmprefix.stores.shared import Shared

_FIND = Script("node.lua", "history.lua", "find.lua")
_PAST = Script("node.lua", "trail.lua", "past.lua")
_RECALL = Script("node.lua", "history.lua", "trail.lua", "recall.lua")
_PUT = Script("common.lua", "put.lua")
_EVICT = Script("common.lua", "evict.lua")
STEP_NODES = 500
"""Nodes of a conversation that leave in one step: the server answers nobody in the meantime."""
_NEAR = 16  # ids of nodes that are here already: a path to a turn ends at the first of them
_LOCAL = "redis://127.0.0.1:6379/0"
_MOST_MS = 2**53  # the whole numbers that Lua knows end there


class RedisStore(Shared):
    """A server that is gone, slow or full costs only what could not be stored or read."""

    def __init__(self, opening: Opening, front_bytes: int = FRONT_BYTES) -> None:
        seal = Sealed(opening.key) if opening.key else Plain()
        super().__init__(RedisWriter(opening, seal), RedisReader(opening, seal), front_bytes)
        self.leases: RedisLeases = RedisLeases(opening.place or _LOCAL, opening.password)

    async def close(self) -> None:
        """Write what is waiting, release the server, end the threads."""
        await super().close()
        await self.leases.close()


class RedisReader:
    """Asks one script for all that a request needs: one round trip."""

    def __init__(self, opening: Opening, seal: Plain) -> None:
        self._server = Server(opening.place or _LOCAL, opening.password)
        self._seal = seal

    def find(self, keys: Sequence[bytes]) -> Found:
        """What is remembered of these chain keys. Raises StoreError."""
        return _find(self._server, self._seal, keys)

    def past(self, conversation: str | None, landmarks: Sequence[bytes]) -> Past | None:
        """The trail to a conversation's last turn, in one round trip. Raises StoreError."""
        rows = self._server.run(_PAST, [conversation or "", *landmarks])
        return None if rows is None else past_of(rows, self._seal)

    def recall(self, keys: Sequence[bytes], asked: Asked, near: Mapping[bytes, Node]) -> Found:
        """What is remembered of these chain keys, and what other proxies have added. Raises StoreError."""
        marks, ends = asked.marks, [*near][-_NEAR:]
        values = (marks.scope, marks.session, marks.tools, asked.least, int(asked.rivals))
        counts = (len(asked.landmarks), len(asked.seen), len(ends))
        lists = (*asked.landmarks, *asked.seen, *ends, *keys)
        return recalled(self._server.run(_RECALL, [*values, *counts, *lists]), near, self._seal)

    def interrupt(self) -> None:
        """It ends by its own time limit."""

    def disconnect(self) -> None:
        """Close the connection."""
        self._server.close()


class RedisWriter:
    """Puts turns, each in one step of the server's."""

    replaced = 0

    def __init__(self, opening: Opening, seal: Plain) -> None:
        self._server = Server(opening.place or _LOCAL, opening.password)
        self._opening = opening
        self._seal = seal
        self._ttl_ms = int(min(2000 * opening.max_age_s, _MOST_MS))

    def totals(self) -> Totals:
        """Counts of all that is stored, by every proxy. Raises StoreError."""
        names = ("conversations", "messages", "bytes")
        counts = self._server.command("HMGET", "warmprefix:totals", *names)
        return Totals(*(int(count or 0) for count in counts))

    def write(self, entries: Sequence[Entry]) -> Sequence[Finished]:
        """Put these turns in one round trip. Raises StoreError if none could be written."""
        answers = self._server.run_all(_PUT, [[*self._values(entry)] for entry in entries])
        failed = [answer for answer in answers if isinstance(answer, Exception)]
        if len(failed) == len(answers) > 0:
            raise StoreError(said(failed[0])) from failed[0]
        several = {key for answer in answers if isinstance(answer, list) for key in answer}
        found = _find(self._server, self._seal, [*several])
        return [
            Finished(
                entry,
                tuple(node for own in entry.nodes for node in found.nodes.get(own.key, ())),
                is_kept=not isinstance(answer, Exception),
            )
            for entry, answer in zip(entries, answers, strict=True)
        ]

    def evict(self) -> str | None:
        """Drop some nodes of the oldest conversation if the limits ask for it; its id. Raises StoreError."""
        opening = self._opening
        limits = (opening.clock(), opening.max_age_s, opening.max_bytes, self._ttl_ms)
        evicted = self._server.run(_EVICT, [*limits, STEP_NODES])
        return None if evicted is None else str(evicted, "utf-8")

    def close(self) -> None:
        """Close the connection."""
        self._server.close()

    def _values(self, entry: Entry) -> Iterator[Any]:
        last, seal, max_age_s = entry.conversation, self._seal, self._opening.max_age_s
        tools = pack_tools(last.tools) if last.tools else b""
        tools_name = seal.name(tools) if tools else b""
        yield from (self._opening.clock(), self._ttl_ms, MAX_ALIKE, max_age_s / 2)
        yield from (last.id, last.turns, seal.closed(pack(last), last.id.encode()))
        yield from (tools_name, seal.closed(tools, tools_name) if tools else b"")
        trail = entry.trail or entry.aside
        packed = seal.closed(pack_trail(trail), trail_name(last.id)) if trail else b""
        yield from (packed, trail.leaf if trail else b"", trail.turn if trail else "")
        yield from (",".join(entry.replaces), int(entry.trail is None))
        yield from (entry.marks.scope, entry.marks.tools)
        landmarks = [*entry.landmarks, *filter(None, [entry.marks.session])]
        yield "" if entry.outlived is None else int(entry.outlived)
        yield from (len(landmarks), *landmarks)
        for node in entry.nodes:
            content = seal.name(node.raw)
            yield from (node.id, node.key, node.parent, content, seal.closed(node.raw, content))
            yield from (int(node.generated), node.turn)


def _find(server: Server, seal: Plain, keys: Sequence[bytes]) -> Found:
    return found_of(server.run(_FIND, keys), seal) if keys else NOTHING
