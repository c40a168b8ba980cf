"""A store in memory: nothing on disk, gone with the process."""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from warmprefix.core.memory.ledger import MAX_ALIKE, Asked, Conversation, Entry, Found, Node, Past
from warmprefix.core.memory.trail import Trail
from warmprefix.core.types import RawJson
from warmprefix.stores.base import Leases, Opening, Store, StoreKind, StoreState

_NODE_BYTES = 850  # a Node, its keys, its content and its entries in dicts and sets: tracemalloc
_CONVERSATION_BYTES = 1_000  # a Conversation and its empty dicts and sets, measured the same way
_TRAIL_BYTES = 400  # a Trail, measured the same way
_LANDMARK_BYTES = 450  # a landmark of one conversation


@dataclass(slots=True)
class _Kept:
    """A conversation. `nodes`: the ids of its nodes. `used` rises with every put of any conversation. `trail`:
    to its last turn, found by `landmarks` too."""

    conversation: Conversation
    time_s: float = 0.0
    used: int = 0
    nodes: set[bytes] = field(default_factory=set)
    trail: Trail | None = None
    landmarks: tuple[bytes, ...] = ()

    @property
    def trail_bytes(self) -> int:
        """What the trail costs."""
        if self.trail is None:
            return 0
        return self.trail.bytes + _TRAIL_BYTES + len(self.landmarks) * _LANDMARK_BYTES


@dataclass(slots=True)
class _Content:
    raw: RawJson
    uses: int = 0


class _Contents:
    """Bytes, each content stored once, as long as it is used. They are their own key: their hash is kept in
    them, and a digest would be one more pass over all of a large one."""

    def __init__(self) -> None:
        self.bytes = 0
        self._by_raw: dict[RawJson, _Content] = {}

    def __len__(self) -> int:
        return len(self._by_raw)

    def take(self, raw: RawJson) -> RawJson:
        """The stored bytes; counts one use more."""
        content = self._by_raw.get(raw)
        if content is None:
            content = self._by_raw[raw] = _Content(raw)
            self.bytes += len(raw)
        content.uses += 1
        return content.raw

    def release(self, raw: RawJson) -> None:
        """Count one use less."""
        content = self._by_raw[raw]
        content.uses -= 1
        if content.uses == 0:
            del self._by_raw[raw]
            self.bytes -= len(raw)


class MemoryStore:
    """Nodes by id and by chain key; message bytes and tool definitions by content, counted by use."""

    leases: Leases | None = None

    def __init__(
        self, max_bytes: int, max_age_s: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s
        self._clock = clock
        self._nodes: dict[bytes, Node] = {}
        self._alike: dict[bytes, tuple[bytes, ...]] = {}  # ids by chain key, oldest first
        self._children: dict[bytes, set[bytes]] = {}
        self._puts = 0
        self._contents = _Contents()
        self._tools = _Contents()
        self._conversations: OrderedDict[str, _Kept] = OrderedDict()
        self._landmarks: dict[bytes, set[str]] = {}
        self._trail_bytes = 0

    async def find(self, keys: Sequence[bytes], asked: Asked | None = None) -> Found:
        """What is remembered of a history, given its chain keys in order. Nobody else writes it."""
        del asked
        nodes = {
            key: tuple(self._nodes[name] for name in alike)
            for key in keys
            if (alike := self._alike.get(key)) is not None
        }
        owners = {node.conversation for alike in nodes.values() for node in alike}
        return Found(nodes, {name: self._conversations[name].conversation for name in owners})

    async def past(self, conversation: str | None, landmarks: Sequence[bytes]) -> Past | None:
        """The trail to a conversation's last turn."""
        own = self._conversations.keys() & {conversation}
        for names in (own, *(self._landmarks.get(key, set()) for key in landmarks)):
            kept = sorted((self._conversations[name] for name in names), key=lambda one: one.used)
            for one in reversed(kept):
                if one.trail is not None:
                    return Past(one.conversation, one.trail, self._path(one.trail.leaf))
        return None

    def _path(self, leaf: bytes) -> tuple[Node, ...]:
        path: list[Node] = []
        node = self._nodes.get(leaf)
        while node is not None:
            path.append(node)
            node = self._nodes.get(node.parent)
        return tuple(reversed(path))

    def put(self, entry: Entry) -> None:
        """Remember a turn."""
        name = entry.conversation.id
        self._put_conversation(entry.conversation)
        if entry.trail is not None:
            self._put_trail(name, entry.trail, entry.landmarks)
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

    def _put_trail(self, name: str, trail: Trail | None, landmarks: tuple[bytes, ...]) -> None:
        kept = self._conversations[name]
        self._trail_bytes -= kept.trail_bytes
        for key in kept.landmarks:
            self._landmarks[key].discard(name)
            if not self._landmarks[key]:
                del self._landmarks[key]
        kept.trail, kept.landmarks = trail, tuple(dict.fromkeys(landmarks))
        for key in kept.landmarks:
            self._landmarks.setdefault(key, set()).add(name)
        self._trail_bytes += kept.trail_bytes

    def _put_node(self, node: Node, name: str) -> None:
        before = self._nodes.get(node.id)
        raw = self._contents.take(node.raw)
        if before is None:
            self._alike[node.key] = (*self._alike.get(node.key, ()), node.id)
            self._children.setdefault(node.parent, set()).add(node.id)
        else:
            self._conversations[before.conversation].nodes.discard(node.id)
            self._contents.release(before.raw)
        generated = node.generated or (before is not None and before.generated)
        self._nodes[node.id] = replace(node, raw=raw, conversation=name, generated=generated)
        self._conversations[name].nodes.add(node.id)
        for oldest in self._alike[node.key][:-MAX_ALIKE]:
            self._conversations[self._nodes[oldest].conversation].nodes.discard(oldest)
            self._drop_node(oldest)

    def _size(self) -> int:
        rows = len(self._nodes) * _NODE_BYTES + len(self._conversations) * _CONVERSATION_BYTES
        return self._contents.bytes + self._tools.bytes + self._trail_bytes + rows

    def _evict(self, newest: str) -> None:
        """Drop the oldest conversations until size and age are within bounds; the newest always stays."""
        now = self._clock()
        while self._conversations:
            name, kept = next(iter(self._conversations.items()))
            too_old = now - kept.time_s > self._max_age_s
            if name == newest or not (too_old or self._size() > self._max_bytes):
                return
            self._pass_on(name, kept.nodes)
            for node in kept.nodes:
                self._drop_node(node)
            for tool in kept.conversation.tools:
                self._tools.release(tool)
            self._put_trail(name, None, ())
            del self._conversations[name]

    def _pass_on(self, name: str, ids: set[bytes]) -> None:
        """Pass each node that leads to messages of other conversations to the last used of those."""
        heirs: dict[bytes, _Kept] = {}
        for at in ids:
            for child in self._children.get(at, ()):
                heir = self._conversations[self._nodes[child].conversation]
                node = self._nodes.get(at)
                while heir.conversation.id != name and node and node.conversation == name:
                    best = heirs.setdefault(node.id, heir)
                    heirs[node.id] = max(best, heir, key=lambda kept: kept.used)
                    node = self._nodes.get(node.parent)
        for at, heir in heirs.items():
            self._nodes[at] = replace(self._nodes[at], conversation=heir.conversation.id)
            heir.nodes.add(at)
            ids.discard(at)

    def _drop_node(self, name: bytes) -> None:
        node = self._nodes.pop(name)
        self._contents.release(node.raw)
        self._alike[node.key] = tuple(at for at in self._alike[node.key] if at != name)
        self._children[node.parent].discard(name)
        if not self._alike[node.key]:
            del self._alike[node.key]
        if not self._children[node.parent]:
            del self._children[node.parent]

    async def flush(self) -> None:
        """Nothing is waiting."""

    def state(self) -> StoreState:
        """Counts, without waiting."""
        return StoreState(len(self._conversations), len(self._contents), self._size())

    async def close(self) -> None:
        """Nothing to release."""


def _open(opening: Opening) -> Store:
    return MemoryStore(opening.max_bytes, opening.max_age_s, opening.clock)


MEMORY = StoreKind("memory", "nowhere", _open)
