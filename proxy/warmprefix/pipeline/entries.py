"""What one turn adds to the ledger."""

from warmprefix.core.identity.keys import chain_key, match_key
from warmprefix.core.memory.ledger import Conversation, Entry, Node, node_id
from warmprefix.core.messages import written
from warmprefix.core.types import Message
from warmprefix.pipeline.stages import Ended, Written


def entry_of(written: Written, ended: Ended) -> Entry:
    """What a turn adds to the ledger: each message that was never sent in this form after those before it, and
    the reply."""
    placed, where, turn = written.placed, written.place, ended.came.turn
    keys, scope, ours = placed.keys, placed.understood.scope, written.ours
    line = _Line(scope, where.conversation, turn)
    for key, message, node in zip(keys, ours.messages, written.nodes, strict=False):
        line.add(key, message, node)
    tip = keys[-1] if keys else scope
    answer, reply = None, ended.reply.message
    if reply is not None:
        answer = chain_key(tip, match_key(reply))
        line.put(answer, reply, generated=True)
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
    return Entry(tuple(line.nodes), conversation)


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
