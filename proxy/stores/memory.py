"""A store in memory: nothing on disk, gone with the process."""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from proxy.core.identity import content_key
from proxy.core.ledger import Conversation, Entry, Found, Node
from proxy.core.types import RawJson
from proxy.stores.base import StoreState

_NODE_BYTES = 300  # a Node, its keys and its place in two dicts, measured with tracemalloc


@dataclass(slots=True)
class _Kept:
    conversation: Conversation
    time_s: float
    keys: set[bytes] = field(default_factory=set)


@dataclass(slots=True)
class _Content:
    raw: RawJson
    uses: int = 0


class MemoryStore:
    """Nodes by chain key; message bytes by content, counted by use."""

    def __init__(
        self, max_bytes: int, max_age_s: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s
        self._clock = clock
        self._nodes: dict[bytes, Node] = {}
        self._contents: dict[bytes, _Content] = {}
        self._conversations: OrderedDict[str, _Kept] = OrderedDict()
        self._bytes = 0

    async def find(self, keys: Sequence[bytes]) -> Found:
        """What is known of a history, given its chain keys in order."""
        nodes = {key: node for key in keys if (node := self._nodes.get(key)) is not None}
        last = next((nodes[key] for key in reversed(keys) if key in nodes), None)
        kept = self._conversations.get(last.conversation) if last else None
        return Found(nodes, kept.conversation if kept else None)

    def put(self, entry: Entry) -> None:
        """Remember a turn."""
        name = entry.conversation.id
        kept = self._conversations.get(name)
        if kept is None:
            kept = self._conversations[name] = _Kept(entry.conversation, 0.0)
        kept.conversation, kept.time_s = entry.conversation, self._clock()
        self._conversations.move_to_end(name)
        for node in entry.nodes:
            self._put_node(node)
        self._evict(name)

    def _put_node(self, node: Node) -> None:
        before = self._nodes.get(node.key)
        if before is not None:
            if not node.generated:
                return
            self._drop_node(before)
        content = self._content(node.raw)
        content.uses += 1
        self._nodes[node.key] = replace(node, raw=content.raw)
        self._bytes += _NODE_BYTES
        owner = self._conversations.get(node.conversation)
        if owner is not None:
            owner.keys.add(node.key)

    def _content(self, raw: RawJson) -> _Content:
        key = content_key(raw)
        content = self._contents.get(key)
        if content is None:
            content = self._contents[key] = _Content(raw)
            self._bytes += len(raw)
        return content

    def _drop_node(self, node: Node) -> None:
        if self._nodes.pop(node.key, None) is None:
            return
        self._bytes -= _NODE_BYTES
        key = content_key(node.raw)
        content = self._contents[key]
        content.uses -= 1
        if content.uses == 0:
            del self._contents[key]
            self._bytes -= len(content.raw)
        owner = self._conversations.get(node.conversation)
        if owner is not None:
            owner.keys.discard(node.key)

    def _evict(self, newest: str) -> None:
        """Drop the oldest conversations until size and age fit; the newest always stays."""
        now = self._clock()
        while self._conversations:
            name, kept = next(iter(self._conversations.items()))
            too_old = now - kept.time_s > self._max_age_s
            if name == newest or not (too_old or self._bytes > self._max_bytes):
                return
            for key in tuple(kept.keys):
                self._drop_node(self._nodes[key])
            del self._conversations[name]

    async def path(self, tip: bytes, limit: int) -> list[bytes]:
        """Bytes of the messages that lead to `tip`, first to last."""
        found: list[bytes] = []
        node = self._nodes.get(tip)
        while node is not None and len(found) < limit:
            found.append(node.raw)
            node = self._nodes.get(node.parent)
        return found[::-1] if len(found) == limit else []

    async def flush(self) -> None:
        """Nothing waits."""

    def state(self) -> StoreState:
        """Counts, without waiting."""
        return StoreState(len(self._conversations), len(self._contents), self._bytes)

    async def close(self) -> None:
        """Nothing to release."""
