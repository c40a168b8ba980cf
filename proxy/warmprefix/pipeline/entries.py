"""What one turn adds to the ledger."""

from warmprefix.core.identity.keys import chain_key, match_key
from warmprefix.core.memory.ledger import Conversation, Entry, Node, Place, node_id
from warmprefix.core.messages import written
from warmprefix.core.turn import Turn
from warmprefix.core.types import Message, Prompt, Reply
from warmprefix.pipeline.prepared import Prepared


def entry_of(
    prepared: Prepared, sent: Prompt, where: Place, reply: Reply, turn: Turn, backend: str
) -> Entry:
    """What a turn adds to the ledger: messages that were never sent so behind what is before them, and the
    reply."""
    line = _Line(prepared.scope, where.conversation, turn.id)
    for key, message, node in zip(prepared.keys, sent.messages, prepared.nodes, strict=False):
        line.add(key, message, node)
    tip = prepared.keys[-1] if prepared.keys else prepared.scope
    answer = None
    if reply.message is not None:
        answer = chain_key(tip, match_key(reply.message))
        line.put(answer, reply.message, generated=True)
    before = prepared.ancestry.conversation
    named = None if turn.side else turn.session
    conversation = Conversation(
        id=where.conversation,
        turns=where.index + 1,
        turn=turn.id,
        model=turn.model,
        tip=tip,
        messages=len(sent.messages),
        reply=answer,
        tools=tuple(tool.definition for tool in sent.tools or ()),
        options=sent.template_options,
        backend=backend,
        session=named or (before.session if before and before.id == where.conversation else None),
    )
    return Entry(tuple(line.nodes), conversation)


class _Line:
    """A history as it grows node by node. `nodes`: those that the ledger does not have yet."""

    def __init__(self, root: bytes, conversation: str, turn: str) -> None:
        self.nodes: list[Node] = []
        self._parent = root
        self._conversation, self._turn = conversation, turn

    def add(self, key: bytes, message: Message, known: Node | None) -> None:
        """A message that was sent. `known`: the node that it is, behind whatever was before it then."""
        if known is not None and known.parent == self._parent:
            self._parent = known.id
        else:
            self.put(key, message, generated=known is not None and known.generated)

    def put(self, key: bytes, message: Message, *, generated: bool) -> None:
        """A message that the ledger does not have behind what is before it."""
        raw, parent = written(message), self._parent
        self._parent = node_id(parent, key, raw)
        where = (self._conversation, self._turn)
        self.nodes.append(Node(self._parent, key, parent, raw, generated, *where))
