"""Which conversation a plain text goes on from: a pure decision on where earlier prompts ended in it.

The ledger stores no text of such a prompt. It has a node for each whole piece, by the digest of all up to its
end; and, by the digest of the last of them, one for the end of the prompt: how far behind that piece it was,
and the digest of all up to there. So it is proven that a text begins with an earlier one, to the character.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import orjson

from warmprefix.core.identity.plain import cuts, keys_at
from warmprefix.core.memory.ledger import (
    Ancestry,
    Conversation,
    Found,
    Node,
    Place,
    node_id,
)
from warmprefix.core.messages import piece
from warmprefix.core.types import Kind, Message, RawJson

_PIECE = RawJson(b"null")
_REPLY_CHARACTERS = 64  # of a reply, by which it is recognised behind its prompt


@dataclass(frozen=True, slots=True)
class Plain:
    """A text with its whole pieces. `ends`: where they end, 0 first; `keys`: the digest up to each, by which
    all that may be remembered of it is found."""

    text: str
    root: bytes
    ends: tuple[int, ...]
    keys: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What is remembered of a text. `messages`, `keys`: the text, cut at pieces and at the ends of earlier
    prompts; `nodes`: by key; `ended`: the keys at which an earlier prompt ended, in order."""

    messages: tuple[Message, ...]
    keys: tuple[bytes, ...]
    nodes: Mapping[bytes, Node]
    ended: tuple[bytes, ...]


def plain(text: str, root: bytes) -> Plain:
    """A text, to be looked up."""
    ends = (0, *cuts(text))
    return Plain(text, root, ends, keys_at(text, ends, root))


def known(text: Plain, found: Found) -> Known:
    """What is remembered of a text."""
    marks = [mark for mark in _marks(text, found) if mark.end <= len(text.text)]
    ends = sorted({*text.ends, *(mark.end for mark in marks), len(text.text)} - {0})
    keys = keys_at(text.text, ends, text.root)
    at = dict(zip(ends, keys, strict=True))
    ended = {mark.end: mark.node for mark in marks if at[mark.end] == mark.digest}
    stays = [end for end in ends if end in ended or end in text.ends or end == len(text.text)]
    nodes = {key: found.nodes[key][0] for key in text.keys[1:] if key in found.nodes}
    nodes |= {at[end]: node for end, node in ended.items()}
    starts = (0, *stays)
    return Known(
        tuple(piece(text.text[a:b]) for a, b in zip(starts, stays, strict=False)),
        tuple(at[end] for end in stays),
        nodes,
        tuple(at[end] for end in sorted(ended)),
    )


@dataclass(frozen=True, slots=True)
class _Mark:
    end: int
    digest: bytes
    node: Node


def _marks(text: Plain, found: Found) -> Iterator[_Mark]:
    """Where earlier prompts may have ended."""
    for start, key in zip(text.ends, text.keys, strict=True):
        for node in found.nodes.get(key, ()):
            if node.raw != _PIECE:
                behind, digest = orjson.loads(node.raw)
                yield _Mark(start + behind, bytes.fromhex(digest), node)


def ancestry_of(remembered: Known, found: Found) -> Ancestry:
    """The nodes of a text, and the conversation of the last prompt that ended in it."""
    if not remembered.ended:
        return Ancestry(remembered.nodes, None)
    leaf = remembered.nodes[remembered.ended[-1]]
    return Ancestry(remembered.nodes, found.conversations.get(leaf.conversation), leaf=leaf)


def place_of(
    remembered: Known,
    from_: Ancestry,
    before: Conversation | None,
    new_conversation: str,
) -> Place:
    """The place of a text. `before`: its conversation as of the turn that it goes on from.

    It belongs to the conversation of the last prompt that ended in it. If none did, it has only begun like
    others.
    """
    leaf, last = from_.leaf, from_.conversation
    if leaf is None or last is None or before is None:
        return Place(new_conversation, 0, None, Kind.COLD, 0)
    keys, end = remembered.keys, remembered.ended[-1]
    kind = Kind.APPEND if before.tip == end else Kind.EDIT
    kind = Kind.RETRY if end == keys[-1] else kind
    return Place(last.id, last.turns, leaf.turn, kind, keys.index(end) + 1)


def kind_behind(text: str, before: str, line: str, reply: str) -> Kind | None:
    """How a text goes on from an earlier one that it does not begin with; None if it does not.

    It does if it contains the end of that one, from its last long line on, and then its reply. Clients drop
    what is oldest once their window is full, or write something else in front.
    """
    end = before[before.rfind(line) :]
    at = text.rfind(end)
    said = reply.strip()[:_REPLY_CHARACTERS].rstrip()
    if not said or at < 0 or not text[at + len(end) :].lstrip().startswith(said):
        return None
    return Kind.COMPACTION if at + len(end) < len(before) else Kind.EDIT


def new_nodes(
    text: Plain, remembered: Collection[bytes], conversation: str, turn: str
) -> tuple[Node, ...]:
    """What a turn adds to the ledger. `remembered`: keys of the nodes that it has already."""
    parent, new = text.root, []
    for key in text.keys[1:]:
        name = node_id(parent, key, _PIECE)
        if key not in remembered:
            new.append(Node(name, key, parent, _PIECE, False, conversation, turn))
        parent = name
    whole = keys_at(text.text, [len(text.text)], text.root)[0]
    key, behind = text.keys[-1], len(text.text) - text.ends[-1]
    if not behind or whole not in remembered:
        raw = RawJson(b'[%d,"%s"]' % (behind, whole.hex().encode()))
        new.append(Node(node_id(parent, key, raw), key, parent, raw, False, conversation, turn))
    return tuple(new)
