"""What one turn adds to the ledger."""

from dataclasses import replace

from warmprefix.core.identity.keys import chain_key, match_key
from warmprefix.core.memory.gap import KeyOf
from warmprefix.core.memory.ledger import Conversation, Entry, Node, node_id
from warmprefix.core.memory.plain import new_nodes, plain
from warmprefix.core.memory.trail import Trail, both_forms
from warmprefix.core.messages import plain_text, written
from warmprefix.core.types import Message
from warmprefix.pipeline.stages import Ended, Path, Written


def entry_of(
    written: Written,
    ended: Ended,
    landmarks: tuple[bytes, ...] = (),
    *,
    outlived: bool | None = None,
    key_of: KeyOf = match_key,
) -> Entry:
    """What a turn adds to the ledger: each message that was never sent in this form after those before it, and
    the reply. `landmarks`: keys of the latest replies; `outlived`: as of `Last`; `key_of`: as of `path_of`."""
    placed, where, turn = written.placed, written.place, ended.came.turn
    keys, ours = placed.keys, written.ours
    tip = keys[-1] if keys else placed.understood.scope
    path = written.path or path_of(written, key_of)
    nodes, answer, leaf = _with_reply(path, written, ended.reply.message, tip, key_of)
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
    if ours.is_plain or written.is_observed:
        return Entry(nodes, conversation)
    trail, marks = _trail(path, written, ended, leaf, outlived), placed.marks
    if ended.is_side:
        return Entry(nodes, conversation, marks=marks, aside=trail)
    return Entry(nodes, conversation, trail, landmarks, marks)


def path_of(written: Written, key_of: KeyOf = match_key) -> Path:
    """The path of a request. It takes a look at each message, and a digest of each new one. `key_of`: the match
    key of a message, if it is remembered."""
    placed, ours, name = written.placed, written.ours, written.place.conversation
    scope, turn = placed.understood.scope, written.came.turn
    if ours.is_plain:
        # The next prompt goes on from the reply without saying where it ends.
        text = plain(plain_text(ours), scope)
        return Path(new_nodes(text, placed.ancestry.nodes.keys(), name, turn), b"")
    line = _Line(scope, name, turn)
    for key, message, node in zip(placed.keys, ours.messages, written.nodes, strict=False):
        line.add(key, message, node)
    if written.is_observed:  # what was sent then is in no node, so no trail leads there
        return Path(tuple(line.nodes), line.end)
    origin = None if placed.alignment is None else placed.alignment.origin
    found = both_forms(placed.client, placed.canonical.messages, ours.messages, origin, key_of)
    return Path(tuple(line.nodes), line.end, *found)


def with_path(written: Written, key_of: KeyOf = match_key) -> Written:
    """A request whose path is known before its turn ends."""
    return replace(written, path=path_of(written, key_of))


def _trail(path: Path, written: Written, ended: Ended, leaf: bytes, outlived: bool | None) -> Trail:
    aligned = written.placed.alignment
    return Trail(
        turn=ended.came.turn,
        leaf=leaf,
        is_reply=ended.reply.message is not None,
        prompt_tokens=ended.stats.prompt_tokens,
        generated_tokens=ended.stats.generated_tokens,
        client=path.client,
        ours=path.ours,
        undone=aligned.undone if aligned is not None else (),
        restless=aligned.restless if aligned is not None else frozenset(),
        cached_tokens=ended.stats.cached_tokens,
        start=ended.start,
        outlived=outlived,
        index=written.place.index,
        is_side=ended.is_side,
    )


def _with_reply(
    path: Path, written: Written, reply: Message | None, tip: bytes, key_of: KeyOf
) -> tuple[tuple[Node, ...], bytes | None, bytes]:
    """The nodes that are new, the key of the reply, if it is remembered, and the id of the last node."""
    if reply is None or written.ours.is_plain:
        return path.nodes, None, path.end
    line = _Line(path.end, written.place.conversation, written.came.turn)
    answer = chain_key(tip, key_of(reply))
    line.put(answer, reply, generated=True)
    return (*path.nodes, *line.nodes), answer, line.end


class _Line:
    """A history that grows node by node. `nodes`: those that the ledger does not have yet; `end`: the id of the
    last one."""

    def __init__(self, root: bytes, conversation: str, turn: str) -> None:
        self.nodes: list[Node] = []
        self.end = root
        self._conversation, self._turn = conversation, turn

    def add(self, key: bytes, message: Message, known: Node | None) -> None:
        """Add a message that was sent. `known`: its node, whose parent may be another message than here."""
        if known is not None and known.parent == self.end:
            self.end = known.id
        else:
            self.put(key, message, generated=known is not None and known.generated)

    def put(self, key: bytes, message: Message, *, generated: bool) -> None:
        """Add a message that the ledger does not have after those before it."""
        raw, parent = written(message), self.end
        self.end = node_id(parent, key, raw)
        where = (self._conversation, self._turn)
        self.nodes.append(Node(self.end, key, parent, raw, generated, *where))
