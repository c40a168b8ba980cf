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
_CONVERSATION_BYTES = 1_000  # a Conversation and the empty dicts and sets beside it, the same way


@dataclass(slots=True)
class _Kept:
    """A conversation. `keys`: its nodes. `heirs`: conversations that go on from one of them."""

    conversation: Conversation
    time_s: float = 0.0
    keys: set[bytes] = field(default_factory=set)
    heirs: dict[bytes, set[str]] = field(default_factory=dict)


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
        kept.conversation, kept.time_s = last, self._clock()
        self._conversations.move_to_end(last.id)

    def _put_node(self, node: Node, name: str) -> None:
        before = self._nodes.get(node.key)
        if before is not None and not node.generated:
            return
        raw = self._contents.take(node.raw)
        self._nodes[node.key] = replace(node, raw=raw, conversation=name)
        self._conversations[name].keys.add(node.key)
        if before is not None:
            self._contents.release(before.raw)
            self._hand_over(node.key, before.conversation, name)
        parent = self._nodes.get(node.parent)
        if parent is not None and parent.conversation != name:
            owner = self._conversations[parent.conversation]
            owner.heirs.setdefault(parent.key, set()).add(name)

    def _hand_over(self, key: bytes, giver: str, taker: str) -> None:
        """The node of `key` belongs to `taker` from now on; the giver may still go on from it."""
        if giver == taker:
            return
        old, new = self._conversations[giver], self._conversations[taker]
        old.keys.discard(key)
        new.keys.add(key)
        new.heirs.setdefault(key, set()).update(old.heirs.pop(key, ()), {giver})
        new.heirs[key].discard(taker)

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
            self._pass_on(name, kept)
            for key in kept.keys:
                self._contents.release(self._nodes.pop(key).raw)
            for tool in kept.conversation.tools:
                self._tools.release(tool)
            del self._conversations[name]

    def _pass_on(self, name: str, kept: _Kept) -> None:
        """Nodes that lead to a message of another conversation pass to that one."""
        for key, heirs in tuple(kept.heirs.items()):
            heir = next((one for one in heirs if one in self._conversations and one != name), None)
            node = self._nodes.get(key)
            while heir is not None and node is not None and node.conversation == name:
                self._nodes[node.key] = replace(node, conversation=heir)
                self._hand_over(node.key, name, heir)
                node = self._nodes.get(node.parent)

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
