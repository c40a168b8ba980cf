"""The conversations of the last minutes, in memory, before the ledger file. Values only, no disk.

A conversation is here as a whole or not at all, so that one that goes on never needs the disk. What
is not written yet stays whatever the size: a turn that was put is found.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from proxy.core.ledger import Conversation, Entry, Found, Node, known_messages

NODE_BYTES = 330  # a Node, its keys and its places in a dict and a set, measured with tracemalloc


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
        self._nodes: dict[bytes, Node] = {}
        self._holders: dict[bytes, int] = {}
        self._held: OrderedDict[str, _Held] = OrderedDict()

    def __len__(self) -> int:
        return len(self._nodes)

    def node(self, key: bytes) -> Node | None:
        """The node of a chain key, where it is here."""
        return self._nodes.get(key)

    def find(self, keys: Sequence[bytes]) -> Found:
        """What is here of a history. Its conversation counts as used."""
        nodes = {key: node for key in keys if (node := self._nodes.get(key)) is not None}
        last = deepest(keys, nodes)
        held = self._held.get(last.conversation) if last else None
        if last is None or held is None:
            return Found(nodes, None)
        self._held.move_to_end(last.conversation)
        return Found(nodes, held.conversation)

    def put(self, entry: Entry, waits: bool) -> None:
        """Remember a turn. `waits`: it is queued to be written and stays until it is settled."""
        held = self._use(entry.conversation.id)
        self._set_conversation(held, entry.conversation)
        held.unwritten += waits
        for node in entry.nodes:
            before = self._nodes.get(node.key)
            if before is None or node.generated or not before.generated:
                self._set_node(node)
            self._hold(held, node.key)
        self._trim()

    def settle(self, entry: Entry) -> None:
        """A queued turn is written, or lost."""
        held = self._held.get(entry.conversation.id)
        if held is not None and held.unwritten:
            held.unwritten -= 1
            self._trim()

    def remember(self, found: Found) -> None:
        """Keep what was read from the file; what is here already is as new or newer."""
        last = found.conversation
        if last is None:
            return
        held = self._use(last.id)
        if held.conversation is None or newer(last, held.conversation) is last:
            self._set_conversation(held, last)
        for node in found.nodes.values():
            if node.key not in self._nodes:
                self._set_node(node)
            self._hold(held, node.key)
        self._trim()

    def forget(self, conversation: str) -> None:
        """A conversation was evicted from the file. One that was put since stays."""
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

    def _set_node(self, node: Node) -> None:
        before = self._nodes.get(node.key)
        self.bytes += len(node.raw) - len(before.raw) if before else NODE_BYTES + len(node.raw)
        self._nodes[node.key] = node

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
                self.bytes -= NODE_BYTES + len(self._nodes.pop(key).raw)


def first_to_ask(keys: Sequence[bytes], near: Found) -> int | None:
    """Position of the first key that the file has to be asked for; None where the front knows all.

    One new message behind the last one of the conversation cannot be in the file: nothing has followed
    there. With more of them another process may have added turns, so they are looked up.
    """
    known = known_messages(keys, near)
    missing = next((at for at, key in enumerate(keys) if key not in near.nodes), len(keys))
    last = near.conversation
    if known and last is None:
        return min(missing, known - 1)
    if missing == len(keys):
        return None
    goes_on = last is not None and keys[known - 1] == (last.reply or last.tip)
    if goes_on and missing == known == len(keys) - 1:
        return None
    return missing


def merged(keys: Sequence[bytes], near: Found, far: Found) -> Found:
    """What the front and the file know together; the front's bytes where both have them."""
    nodes = {**far.nodes, **near.nodes}
    last = deepest(keys, nodes)
    known: Iterable[Conversation] = filter(None, (near.conversation, far.conversation))
    owners = [one for one in known if last is not None and one.id == last.conversation]
    return Found(nodes, newer(*owners) if owners else None)


def deepest(keys: Sequence[bytes], nodes: dict[bytes, Node]) -> Node | None:
    """The node of the last key that is known."""
    return next((nodes[key] for key in reversed(keys) if key in nodes), None)


def newer(one: Conversation, *others: Conversation) -> Conversation:
    """The one with more turns; the first where they are equal. Another process may add turns too."""
    return max((one, *others), key=lambda conversation: conversation.turns)


def _weight(conversation: Conversation | None) -> int:
    if conversation is None:
        return 0
    options = conversation.options.values()
    return 3 * NODE_BYTES + sum(map(len, (*conversation.tools, *options)))
