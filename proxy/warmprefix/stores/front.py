"""The conversations of the last minutes, in memory, in front of a far store. Values only.

A conversation is here as a whole or not at all, so that one that goes on never needs the far store. What is not
written yet stays here whatever its size: a turn that was put is never missing. If a chain key is here, all its
nodes are, except for those of a turn that is being written: the far store is asked what else it has of them.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from warmprefix.core.memory.ledger import (
    MAX_ALIKE,
    Conversation,
    Entry,
    Found,
    Node,
    known_messages,
)

NODE_BYTES = 430  # a Node, its keys and its table entries, measured with tracemalloc


@dataclass(slots=True)
class _Kept:
    conversation: Conversation | None = None
    keys: set[bytes] = field(default_factory=set)
    unwritten: int = 0


class Front:
    """Conversations up to `max_bytes`; the one unused for longest leaves first."""

    def __init__(self, max_bytes: int) -> None:
        self.bytes = 0
        self._max_bytes = max_bytes
        self._nodes: dict[bytes, tuple[Node, ...]] = {}  # by chain key, oldest first
        self._partly: set[bytes] = set()  # keys of which the far store may have more nodes
        self._users: dict[bytes, int] = {}  # how many conversations have a key
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._nodes)

    def is_whole(self, key: bytes) -> bool:
        """Whether all nodes of a chain key are here."""
        return key in self._nodes and key not in self._partly

    def find(self, keys: Sequence[bytes]) -> Found:
        """What is here of a history. The conversation of the deepest node then counts as used."""
        nodes = {key: alike for key in keys if (alike := self._nodes.get(key)) is not None}
        for node in deepest(keys, nodes)[-1:]:
            if node.conversation in self._kept:
                self._kept.move_to_end(node.conversation)
        owners = dict.fromkeys(node.conversation for alike in nodes.values() for node in alike)
        kept = {name: self._kept[name].conversation for name in owners if name in self._kept}
        return Found(nodes, {name: last for name, last in kept.items() if last is not None})

    def put(self, entry: Entry, waits: bool) -> None:
        """Remember a turn. `waits`: it is queued to be written, and stays until it is settled."""
        kept = self._use(entry.conversation.id)
        self._set_conversation(kept, entry.conversation)
        kept.unwritten += waits
        for node in entry.nodes:
            if node.key not in self._nodes:
                self._partly.add(node.key)
            self._set(node.key, with_node(self._nodes.get(node.key, ()), node))
            self._keep(kept, node.key)
        self._trim()

    def settle(self, entry: Entry, alike: Sequence[Node] = ()) -> None:
        """A queued turn is written or lost. `alike`: the nodes in the far store of those of its chain keys that
        have more than one there."""
        kept = self._kept.get(entry.conversation.id)
        if kept is None or not kept.unwritten:
            return
        kept.unwritten -= 1
        for node in alike:
            self._merge(node.key, [other for other in alike if other.key == node.key])
        self._partly.difference_update(node.key for node in entry.nodes)
        self._trim()

    def remember(self, asked: Sequence[bytes], found: Found) -> None:
        """Remember what the far store answered; what is here already is as new or newer."""
        for name, last in found.conversations.items():
            kept = self._kept.setdefault(name, _Kept())
            known = kept.conversation
            self._set_conversation(kept, last if known is None else newer(known, last))
        for end in deepest(asked, found.nodes)[-1:]:
            kept = self._use(end.conversation)
            for key, alike in found.nodes.items():
                self._keep(kept, key)
                self._merge(key, alike)
        self._partly.difference_update(asked)
        self._trim()

    def forget(self, conversation: str) -> None:
        """A conversation was evicted from the far store. One that was put since stays."""
        kept = self._kept.get(conversation)
        if kept is not None and not kept.unwritten:
            self._drop(conversation)

    def _use(self, name: str) -> _Kept:
        kept = self._kept.setdefault(name, _Kept())
        self._kept.move_to_end(name)
        return kept

    def _set_conversation(self, kept: _Kept, conversation: Conversation) -> None:
        self.bytes += _weight(conversation) - _weight(kept.conversation)
        kept.conversation = conversation

    def _merge(self, key: bytes, alike: Sequence[Node]) -> None:
        """Add what the far store has of a chain key that is here; a node that is only here is newer."""
        if key in self._users:
            self._set(key, joined(self._nodes.get(key, ()), alike))

    def _set(self, key: bytes, alike: tuple[Node, ...]) -> None:
        self.bytes += _size(alike) - _size(self._nodes.get(key, ()))
        self._nodes[key] = alike

    def _keep(self, kept: _Kept, key: bytes) -> None:
        if key not in kept.keys:
            kept.keys.add(key)
            self._users[key] = self._users.get(key, 0) + 1

    def _trim(self) -> None:
        while self.bytes > self._max_bytes:
            written = (name for name, kept in self._kept.items() if not kept.unwritten)
            oldest = next(written, None)
            if oldest is None:
                return
            self._drop(oldest)

    def _drop(self, name: str) -> None:
        kept = self._kept.pop(name)
        self.bytes -= _weight(kept.conversation)
        for key in kept.keys:
            self._users[key] -= 1
            if not self._users[key]:
                del self._users[key]
                self._partly.discard(key)
                self.bytes -= _size(self._nodes.pop(key))


def first_to_ask(
    keys: Sequence[bytes], near: Found, is_whole: Callable[[bytes], bool]
) -> int | None:
    """Position of the first key to ask the far store for; None if the front has them all.

    The far store cannot have a single new message after the last of the conversation: nothing has followed
    there. If there are more, another process may have added turns, so they are looked up.
    """
    known = known_messages(keys, near.nodes)
    missing = next((at for at, key in enumerate(keys) if not is_whole(key)), len(keys))
    ends = [near.conversations.get(node.conversation) for node in deepest(keys, near.nodes)]
    if None in ends:
        return min(missing, known - 1)
    if missing == len(keys):
        return None
    goes_on = any(last and keys[known - 1] == (last.reply or last.tip) for last in ends)
    if goes_on and missing == known == len(keys) - 1:
        return None
    return missing


def merged(near: Found, far: Found) -> Found:
    """What the front and the far store have together; the front's if both have it, in the far store's order."""
    nodes = dict(far.nodes)
    for key, alike in near.nodes.items():
        nodes[key] = joined(alike, far.nodes.get(key, ()))
    conversations = dict(far.conversations)
    for name, last in near.conversations.items():
        conversations[name] = newer(last, *filter(None, [far.conversations.get(name)]))
    return replace(far, nodes=nodes, conversations=conversations)


def joined(here: Sequence[Node], far: Sequence[Node]) -> tuple[Node, ...]:
    """Nodes of one chain key in the far store's order; those that are only here come last."""
    nodes = {node.id: node for node in (*far, *here)}
    return tuple(nodes.values())[-MAX_ALIKE:]


def with_node(alike: Sequence[Node], node: Node) -> tuple[Node, ...]:
    """Nodes of one chain key after one was put. Once generated, a node stays so."""
    before = next((other for other in alike if other.id == node.id), None)
    if before is not None:
        node = replace(node, generated=node.generated or before.generated)
        return tuple(node if other is before else other for other in alike)
    return (*alike, node)[-MAX_ALIKE:]


def deepest(keys: Sequence[bytes], nodes: Mapping[bytes, tuple[Node, ...]]) -> tuple[Node, ...]:
    """The nodes of the last key that has any; none if no key has."""
    return next((nodes[key] for key in reversed(keys) if key in nodes), ())


def newer(one: Conversation, *others: Conversation) -> Conversation:
    """The one with more turns; the first if they have equally many. Another process may add turns too."""
    return max((one, *others), key=lambda conversation: conversation.turns)


def _weight(conversation: Conversation | None) -> int:
    if conversation is None:
        return 0
    options = conversation.options.values()
    return 3 * NODE_BYTES + sum(map(len, (*conversation.tools, *options)))


def _size(alike: Iterable[Node]) -> int:
    return sum(NODE_BYTES + len(node.raw) for node in alike)
