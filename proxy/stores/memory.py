"""A store in memory: nothing on disk, gone with the process."""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from proxy.core.identity import content_key
from proxy.core.ledger import Conversation, Entry, Found, Node
from proxy.core.types import RawJson
from proxy.stores.base import StoreState

_NODE_BYTES = 700  # a Node, its keys, its content and its places in dicts and sets: tracemalloc
_CONVERSATION_BYTES = 1_000  # a Conversation and the empty dicts and sets beside it, the same way


@dataclass(slots=True)
class _Kept:
    """A conversation. `keys`: its nodes. `used` rises with every put of any conversation."""

    conversation: Conversation
    time_s: float = 0.0
    used: int = 0
    keys: set[bytes] = field(default_factory=set)


@dataclass(slots=True)
class _Content:
    raw: RawJson
    uses: int = 0


class _Contents:
    """Bytes kept once by content, as long as somebody uses them."""

    def __init__(self) -> None:
        self.bytes = 0
        self._by_key: dict[bytes, _Content] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def take(self, raw: RawJson) -> RawJson:
        """The kept bytes, with one use more."""
        key = content_key(raw)
        content = self._by_key.get(key)
        if content is None:
            content = self._by_key[key] = _Content(raw)
            self.bytes += len(raw)
        content.uses += 1
        return content.raw

    def release(self, raw: RawJson) -> None:
        """One use less."""
        key = content_key(raw)
        content = self._by_key[key]
        content.uses -= 1
        if content.uses == 0:
            del self._by_key[key]
            self.bytes -= len(raw)


class MemoryStore:
    """Nodes by chain key; message bytes and tool definitions by content, counted by use."""

    def __init__(
        self, max_bytes: int, max_age_s: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s
        self._clock = clock
        self._nodes: dict[bytes, Node] = {}
        self._children: dict[bytes, set[bytes]] = {}
        self._puts = 0
        self._contents = _Contents()
        self._tools = _Contents()
        self._conversations: OrderedDict[str, _Kept] = OrderedDict()

    async def find(self, keys: Sequence[bytes]) -> Found:
        """What is known of a history, given its chain keys in order."""
        nodes = {key: node for key in keys if (node := self._nodes.get(key)) is not None}
        last = next((nodes[key] for key in reversed(keys) if key in nodes), None)
        kept = self._conversations.get(last.conversation) if last else None
        return Found(nodes, kept.conversation if kept else None)

    def put(self, entry: Entry) -> None:
        """Remember a turn."""
        name = entry.conversation.id
        self._put_conversation(entry.conversation)
        for node in entry.nodes:
            self._put_node(node, name)
        self._evict(name)

    def _put_conversation(self, last: Conversation) -> None:
        kept = self._conversations.get(last.id)
        before = kept.conversation.tools if kept else ()
        tools = before
        if last.tools != before:
            tools = tuple(self._tools.take(tool) for tool in last.tools)
            for tool in before:
                self._tools.release(tool)
        last = replace(last, tools=tools)
        if kept is None:
            kept = self._conversations[last.id] = _Kept(last)
        self._puts += 1
        kept.conversation, kept.time_s, kept.used = last, self._clock(), self._puts
        self._conversations.move_to_end(last.id)

    def _put_node(self, node: Node, name: str) -> None:
        before = self._nodes.get(node.key)
        if before is not None and before.generated and not node.generated:
            return
        raw = self._contents.take(node.raw)
        if before is not None:
            self._conversations[before.conversation].keys.discard(node.key)
            self._contents.release(before.raw)
        self._nodes[node.key] = replace(node, raw=raw, conversation=name)
        self._conversations[name].keys.add(node.key)
        self._children.setdefault(node.parent, set()).add(node.key)

    def _size(self) -> int:
        rows = len(self._nodes) * _NODE_BYTES + len(self._conversations) * _CONVERSATION_BYTES
        return self._contents.bytes + self._tools.bytes + rows

    def _evict(self, newest: str) -> None:
        """Drop the oldest conversations until size and age fit; the newest always stays."""
        now = self._clock()
        while self._conversations:
            name, kept = next(iter(self._conversations.items()))
            too_old = now - kept.time_s > self._max_age_s
            if name == newest or not (too_old or self._size() > self._max_bytes):
                return
            self._pass_on(name, kept.keys)
            for key in kept.keys:
                self._drop_node(key)
            for tool in kept.conversation.tools:
                self._tools.release(tool)
            del self._conversations[name]

    def _pass_on(self, name: str, keys: set[bytes]) -> None:
        """Nodes that lead to a message of another conversation pass to the last used of those."""
        heirs: dict[bytes, _Kept] = {}
        for key in keys:
            for child in self._children.get(key, ()):
                heir = self._conversations[self._nodes[child].conversation]
                node = self._nodes.get(key)
                while heir.conversation.id != name and node and node.conversation == name:
                    best = heirs.setdefault(node.key, heir)
                    heirs[node.key] = max(best, heir, key=lambda kept: kept.used)
                    node = self._nodes.get(node.parent)
        for key, heir in heirs.items():
            self._nodes[key] = replace(self._nodes[key], conversation=heir.conversation.id)
            heir.keys.add(key)
            keys.discard(key)

    def _drop_node(self, key: bytes) -> None:
        node = self._nodes.pop(key)
        self._contents.release(node.raw)
        siblings = self._children[node.parent]
        siblings.discard(key)
        if not siblings:
            del self._children[node.parent]

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
        return StoreState(len(self._conversations), len(self._contents), self._size())

    async def close(self) -> None:
        """Nothing to release."""
