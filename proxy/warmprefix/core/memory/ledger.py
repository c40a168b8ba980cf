"""What is remembered of conversations, and the place of a request among them. Values only.

A history is a path through a tree of nodes. A node is one message in the bytes that the backend was
given, after exactly the messages before it. Several may have the same chain key (core/identity/keys.py): two
replies to the same question may look alike, and one reply may be sent in two spellings.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from warmprefix.core.memory.trail import Trail
from warmprefix.core.types import Kind, Prompt, RawJson

MAX_ALIKE = 8
"""The latest nodes of one chain key that are remembered: only a client that samples many replies makes more."""

_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Node:
    """One remembered message. `parent`: the id of the one before, or the root of all chains; `key`: the
    chain key that ends in it.

    `generated`: the bytes are the model's own reply, not what a client sent. `conversation`: the one that it
    belongs to; `turn`: the last one that put it.
    """

    id: bytes
    key: bytes
    parent: bytes
    raw: RawJson
    generated: bool
    conversation: str
    turn: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """The last turn of a conversation: what the next one is compared with.

    `tip`: chain key of the last message sent, number `messages`. `reply`: chain key of the message generated
    after it. `tools`: definitions as sent, in order; `options`: template options. `backend`: the name of the
    one that answered, empty if it was not stored. `session`: the id that the client gave it last, if any.
    """

    id: str
    turns: int
    turn: str
    model: str | None
    tip: bytes
    messages: int
    reply: bytes | None
    tools: tuple[RawJson, ...]
    options: Mapping[str, RawJson]
    backend: str = ""
    session: str | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """A conversation, the trail to its last turn, and the nodes of that: from the first message on. `number`:
    of that turn among those of all proxies on one store; None if they are not counted there."""

    conversation: Conversation
    trail: Trail
    path: tuple[Node, ...]
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Marks:
    """By what else than its history a request is recognised. Digests, each empty if there is none.

    `scope`: the root of its chain keys; `session`: the id that its client gives, in that scope; `tools`: its
    set of tools, in whatever order, in that scope.
    """

    scope: bytes = b""
    session: bytes = b""
    tools: bytes = b""


NO_MARKS = Marks()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a store that other proxies write is asked besides a history.

    `least`: so many leading messages must be remembered for the history to belong to a conversation; else it
    may be that of the `landmarks`, of the session, or of the latest turns. `seen`: turns that are known, so
    that they need not be answered. `rivals`: the latest turns are of use in any case, if nobody knows yet
    whether what the backend holds outlives them.
    """

    marks: Marks
    landmarks: tuple[bytes, ...]
    least: int
    seen: tuple[str, ...] = ()
    rivals: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What a store remembers of a history: the nodes of each chain key, oldest first, and the conversations
    that they belong to, by id.

    Only if other proxies write the store, and it was `Asked`: `pasts`, turns that may be new here, the most
    likely first; `tools`, as they were first sent by anybody; `number`, of the latest turn of all; `outlived`,
    as of the last `Entry` that has it.
    """

    nodes: Mapping[bytes, tuple[Node, ...]]
    conversations: Mapping[str, Conversation]
    pasts: tuple[Past, ...] = ()
    tools: tuple[RawJson, ...] = ()
    number: int | None = None
    outlived: bool | None = None


NOTHING = Found({}, {})


@dataclass(frozen=True, slots=True)
class Ancestry:
    """What a request goes on from: one node for each chain key, and the conversation of the deepest.

    `unsure`: keys at which other bytes are as likely as those of the node. `leaf`: the deepest node.
    `reply`: the key of the last message that a model has given, in whatever bytes; None if there is none.
    """

    nodes: Mapping[bytes, Node]
    conversation: Conversation | None
    unsure: frozenset[bytes] = frozenset()
    leaf: Node | None = None
    reply: bytes | None = None

    @property
    def sure(self) -> Mapping[bytes, Node]:
        """The nodes whose bytes are certain."""
        if not self.unsure:
            return self.nodes
        return {key: node for key, node in self.nodes.items() if key not in self.unsure}


NO_ANCESTRY = Ancestry({}, None)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a turn stands. `known`: leading messages that are remembered. `kind`: from its history alone, until
    it is decided what is sent (`kind_of`)."""

    conversation: str
    index: int
    parent: str | None
    kind: Kind
    known: int


def place(
    keys: Sequence[bytes], first_user: int, ancestry: Ancestry, new_conversation: str
) -> Place:
    """The place of a request whose history has these chain keys.

    `first_user`: position of the first user message. A request that shares only what comes before that (a
    system prompt) is another conversation.
    """
    known = known_messages(keys, ancestry.nodes)
    last = ancestry.conversation
    if known <= first_user or last is None:
        return Place(new_conversation, 0, None, Kind.COLD, 0)
    parent = ancestry.nodes[keys[known - 1]].turn
    return Place(last.id, last.turns, parent, kind_of_history(keys, known, last), known)


def kind_of(where: Place, before: Conversation | None, sent: Prompt) -> Kind:
    """How a request, as it is sent, relates to its conversation. `before`: the conversation that it goes on
    from; its tools and options are compared when the place comes from remembered messages."""
    if where.known and before is not None:
        if [tool.definition for tool in sent.tools or ()] != list(before.tools):
            return Kind.TOOLS_CHANGED
        if dict(sent.template_options) != dict(before.options):
            return Kind.TEMPLATE_OPTIONS_CHANGED
    return where.kind


def known_messages(keys: Sequence[bytes], nodes: Container[bytes]) -> int:
    """Leading messages that are remembered: the position after the deepest remembered chain key."""
    return next((at for at in range(len(keys), 0, -1) if keys[at - 1] in nodes), 0)


def goes_on(keys: Sequence[bytes], last: Conversation) -> bool:
    """Whether a history is that of a conversation's last turn with something added."""
    if len(keys) <= last.messages or keys[last.messages - 1] != last.tip:
        return False
    return last.reply in (None, keys[last.messages])


def node_id(parent: bytes, key: bytes, raw: bytes) -> bytes:
    """The id of the node with these bytes and that parent."""
    state = blake2b(parent + key, digest_size=_ID_BYTES)
    state.update(raw)
    return state.digest()


def kind_of_history(keys: Sequence[bytes], known: int, last: Conversation) -> Kind:
    """How a history relates to the last turn of its conversation, of which `known` messages are remembered."""
    count = len(keys)
    if count >= last.messages and keys[last.messages - 1] == last.tip:
        if count == last.messages:
            return Kind.RETRY
        return Kind.APPEND if goes_on(keys, last) else Kind.EDIT
    if known == count:
        return Kind.RETRY  # a part of what was sent before: the client asks for another answer
    # Less than half as many messages as before, and not a part of them: the history was shortened.
    return Kind.COMPACTION if count * 2 < last.messages else Kind.EDIT


@dataclass(frozen=True, slots=True)
class Entry:
    """What one turn adds to memory: nodes, the new last turn of its conversation, and the trail to it. None:
    the trail that is remembered stays. `landmarks`: keys of its latest replies, by which it is found too.

    For a store that other proxies write: `marks`, by what else it is found; `aside`, the trail to housekeeping;
    `replaces`, the last turns of the conversation that this one goes on from; `outlived`, whether this turn has
    shown that what a conversation left in the backend outlives the turns of others, None if it shows nothing.
    """

    nodes: tuple[Node, ...]
    conversation: Conversation
    trail: Trail | None = None
    landmarks: tuple[bytes, ...] = ()
    marks: Marks = NO_MARKS
    aside: Trail | None = None
    replaces: tuple[str, ...] = ()
    outlived: bool | None = None
