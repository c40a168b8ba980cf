"""The conversations of the last minutes, in memory, before a far store. Values only.

A conversation is here as a whole or not at all, so that one that goes on never needs the far store. What
is not written yet stays whatever the size: a turn that was put is found. A chain key that is here is so with
all its nodes, but for those of a turn that is being written: the far store is asked what else it has of them.
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

NODE_BYTES = 430  # a Node, its keys and its places in tables, measured with tracemalloc


@dataclass(slots=True)
class _Held:
    conversation: Conversation | None = None
    keys: set[bytes] = field(default_factory=set)
    unwritten: int = 0


class Front:
    """Bounded by `max_bytes`; the conversation unused for longest leaves first."""

    def __init__(self, max_bytes: int) -> None:
        self.bytes = 0
        self._max_bytes = max_bytes
        self._nodes: dict[bytes, tuple[Node, ...]] = {}  # by chain key, oldest first
        self._partly: set[bytes] = set()  # keys of which the far store may have more nodes
        self._holders: dict[bytes, int] = {}
        self._held: OrderedDict[str, _Held] = OrderedDict()

    def __len__(self) -> int:
        return len(self._nodes)

    def is_whole(self, key: bytes) -> bool:
        """Whether all nodes of a chain key are here."""
        return key in self._nodes and key not in self._partly

    def find(self, keys: Sequence[bytes]) -> Found:
        """What is here of a history. The conversation of its deepest node counts as used."""
        nodes = {key: alike for key in keys if (alike := self._nodes.get(key)) is not None}
        for node in deepest(keys, nodes)[-1:]:
            if node.conversation in self._held:
                self._held.move_to_end(node.conversation)
        owners = dict.fromkeys(node.conversation for alike in nodes.values() for node in alike)
        held = {name: self._held[name].conversation for name in owners if name in self._held}
        return Found(nodes, {name: last for name, last in held.items() if last is not None})

    def put(self, entry: Entry, waits: bool) -> None:
        """Remember a turn. `waits`: it is queued to be written and stays until it is settled."""
        held = self._use(entry.conversation.id)
        self._set_conversation(held, entry.conversation)
        held.unwritten += waits
        for node in entry.nodes:
            if node.key not in self._nodes:
                self._partly.add(node.key)
            self._set(node.key, with_node(self._nodes.get(node.key, ()), node))
            self._hold(held, node.key)
        self._trim()

    def settle(self, entry: Entry, alike: Sequence[Node] = ()) -> None:
        """A queued turn is written, or lost. `alike`: what the far store has of its chain keys, if that is
        more than one node."""
        held = self._held.get(entry.conversation.id)
        if held is None or not held.unwritten:
            return
        held.unwritten -= 1
        for node in alike:
            self._merge(node.key, [other for other in alike if other.key == node.key])
        self._partly.difference_update(node.key for node in entry.nodes)
        self._trim()

    def remember(self, asked: Sequence[bytes], found: Found) -> None:
        """Keep what the far store answered; what is here already is as new or newer."""
        for name, last in found.conversations.items():
            held = self._held.setdefault(name, _Held())
            known = held.conversation
            self._set_conversation(held, last if known is None else newer(known, last))
        for end in deepest(asked, found.nodes)[-1:]:
            held = self._use(end.conversation)
            for key, alike in found.nodes.items():
                self._hold(held, key)
                self._merge(key, alike)
        self._partly.difference_update(asked)
        self._trim()

    def forget(self, conversation: str) -> None:
        """A conversation was evicted from the far store. One that was put since stays."""
        held = self._held.get(conversation)
        if held is not None and not held.unwritten:
            self._drop(conversation)

    def _use(self, name: str) -> _Held:
        held = self._held.setdefault(name, _Held())
        self._held.move_to_end(name)
        return held

    def _set_conversation(self, held: _Held, conversation: Conversation) -> None:
        self.bytes += _weight(conversation) - _weight(held.conversation)
        held.conversation = conversation

    def _merge(self, key: bytes, alike: Sequence[Node]) -> None:
        """Add what the far store has of a chain key that is held: what is here only is newer."""
        if key in self._holders:
            self._set(key, joined(self._nodes.get(key, ()), alike))

    def _set(self, key: bytes, alike: tuple[Node, ...]) -> None:
        self.bytes += _size(alike) - _size(self._nodes.get(key, ()))
        self._nodes[key] = alike

    def _hold(self, held: _Held, key: bytes) -> None:
        if key not in held.keys:
            held.keys.add(key)
            self._holders[key] = self._holders.get(key, 0) + 1

    def _trim(self) -> None:
        while self.bytes > self._max_bytes:
            written = (name for name, held in self._held.items() if not held.unwritten)
            oldest = next(written, None)
            if oldest is None:
                return
            self._drop(oldest)

    def _drop(self, name: str) -> None:
        held = self._held.pop(name)
        self.bytes -= _weight(held.conversation)
        for key in held.keys:
            self._holders[key] -= 1
            if not self._holders[key]:
                del self._holders[key]
                self._partly.discard(key)
                self.bytes -= _size(self._nodes.pop(key))


def first_to_ask(
    keys: Sequence[bytes], near: Found, is_whole: Callable[[bytes], bool]
) -> int | None:
    """Position of the first key that the far store has to be asked for; None if the front knows all.

    One new message behind the last one of the conversation cannot be far away: nothing has followed
    there. With more of them another process may have added turns, so they are looked up.
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
    """What the front and the far store know together; the front's if both have it, in the other's order."""
    nodes = dict(far.nodes)
    for key, alike in near.nodes.items():
        nodes[key] = joined(alike, far.nodes.get(key, ()))
    conversations = dict(far.conversations)
    for name, last in near.conversations.items():
        conversations[name] = newer(last, *filter(None, [far.conversations.get(name)]))
    return Found(nodes, conversations)


def joined(here: Sequence[Node], far: Sequence[Node]) -> tuple[Node, ...]:
    """Nodes of one chain key: in the far store's order, what is only here last."""
    nodes = {node.id: node for node in (*far, *here)}
    return tuple(nodes.values())[-MAX_ALIKE:]


def with_node(alike: Sequence[Node], node: Node) -> tuple[Node, ...]:
    """Nodes of one chain key when one was put: once generated, it stays so."""
    before = next((other for other in alike if other.id == node.id), None)
    if before is not None:
        node = replace(node, generated=node.generated or before.generated)
        return tuple(node if other is before else other for other in alike)
    return (*alike, node)[-MAX_ALIKE:]


def deepest(keys: Sequence[bytes], nodes: Mapping[bytes, tuple[Node, ...]]) -> tuple[Node, ...]:
    """The nodes of the last key that is known; none if no key is."""
    return next((nodes[key] for key in reversed(keys) if key in nodes), ())


def newer(one: Conversation, *others: Conversation) -> Conversation:
    """The one with more turns; the first where they are equal. Another process may add turns too."""
    return max((one, *others), key=lambda conversation: conversation.turns)


def _weight(conversation: Conversation | None) -> int:
    if conversation is None:
        return 0
    options = conversation.options.values()
    return 3 * NODE_BYTES + sum(map(len, (*conversation.tools, *options)))


def _size(alike: Iterable[Node]) -> int:
    return sum(NODE_BYTES + len(node.raw) for node in alike)
