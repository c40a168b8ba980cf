"""What one turn adds to the ledger."""

from warmprefix.core.identity.keys import chain_key, match_key
from warmprefix.core.memory.ledger import Conversation, Entry, Node, node_id
from warmprefix.core.memory.plain import new_nodes, plain
from warmprefix.core.messages import plain_text, written
from warmprefix.core.types import Message
from warmprefix.pipeline.stages import Ended, Written


def entry_of(written: Written, ended: Ended) -> Entry:
    """What a turn adds to the ledger: each message that was never sent in this form after those before it, and
    the reply."""
    placed, where, turn = written.placed, written.place, ended.came.turn
    keys, ours = placed.keys, written.ours
    tip = keys[-1] if keys else placed.understood.scope
    nodes, answer = _nodes(written, ended.reply.message, tip, turn)
    before = placed.ancestry.conversation
    named = None if ended.is_side else ended.came.client.session
    conversation = Conversation(
        id=where.conversation,
        turns=where.index + 1,
        turn=turn,
        model=ended.model,
        tip=tip,
        messages=len(ours.messages),
        reply=answer,
        tools=tuple(tool.definition for tool in ours.tools or ()),
        options=ours.template_options,
        backend=ended.route.backend,
        session=named or (before.session if before and before.id == where.conversation else None),
    )
    return Entry(nodes, conversation)


def _nodes(
    written: Written, reply: Message | None, tip: bytes, turn: str
) -> tuple[tuple[Node, ...], bytes | None]:
    """The nodes that are new, and the key of the reply, if it is remembered."""
    placed, ours, name = written.placed, written.ours, written.place.conversation
    scope = placed.understood.scope
    if ours.is_plain:
        # The next prompt goes on from the reply without saying where it ends.
        text = plain(plain_text(ours), scope)
        return new_nodes(text, placed.ancestry.nodes.keys(), name, turn), None
    line = _Line(scope, name, turn)
    for key, message, node in zip(placed.keys, ours.messages, written.nodes, strict=False):
        line.add(key, message, node)
    answer = None
    if reply is not None:
        answer = chain_key(tip, match_key(reply))
        line.put(answer, reply, generated=True)
    return tuple(line.nodes), answer


class _Line:
    """A history that grows node by node. `nodes`: those that the ledger does not have yet."""

    def __init__(self, root: bytes, conversation: str, turn: str) -> None:
        self.nodes: list[Node] = []
        self._parent = root
        self._conversation, self._turn = conversation, turn

    def add(self, key: bytes, message: Message, known: Node | None) -> None:
        """Add a message that was sent. `known`: its node, whose parent may be another message than here."""
        if known is not None and known.parent == self._parent:
            self._parent = known.id
        else:
            self.put(key, message, generated=known is not None and known.generated)

    def put(self, key: bytes, message: Message, *, generated: bool) -> None:
        """Add a message that the ledger does not have after those before it."""
        raw, parent = written(message), self._parent
        self._parent = node_id(parent, key, raw)
        where = (self._conversation, self._turn)
        self.nodes.append(Node(self._parent, key, parent, raw, generated, *where))
