"""Questions to the ledger file, each in one statement, and how rows become values again."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from warmprefix.core.errors import StoreError
from warmprefix.core.identity.keys import DIGEST_BYTES
from warmprefix.core.memory.ledger import NOTHING, Conversation, Found, Node
from warmprefix.core.types import RawJson

# All keys come in one blob: so there is no limit to their number, and the statement is always the same.
# A row that starts with 0 is a node; one that starts with 1 is a conversation that such a node belongs to.
_FIND = """
WITH RECURSIVE
wanted (at, key) AS (
    SELECT 0, substr(:keys, 1, :width)
    UNION ALL
    SELECT at + 1, substr(:keys, (at + 1) * :width + 1, :width) FROM wanted WHERE at + 1 < :count
),
found AS (
    SELECT nodes.* FROM wanted CROSS JOIN nodes ON nodes.key = wanted.key
)
SELECT 0, found.id, node, found.key, parent, contents.raw, generated, conversations.id, found.turn,
    NULL, NULL, NULL
FROM found
JOIN contents ON contents.id = found.content
JOIN conversations ON conversations.number = found.conversation
UNION ALL
SELECT 1, conversations.id, turns, turn, model, tip, messages, reply, tool_sets.raw, options, backend,
    session
FROM conversations
LEFT JOIN tool_sets ON tool_sets.id = conversations.tools
WHERE number IN (SELECT conversation FROM found)
"""
_ALIKE = """
SELECT nodes.id, node, nodes.key, parent, contents.raw, generated, conversations.id, nodes.turn
FROM nodes
JOIN contents ON contents.id = nodes.content
JOIN conversations ON conversations.number = nodes.conversation
WHERE nodes.key = ? ORDER BY nodes.id
"""


def find(db: sqlite3.Connection, keys: Sequence[bytes]) -> Found:
    """The nodes of these chain keys, and the conversations that they belong to."""
    if not keys:
        return NOTHING
    joined = b"".join(keys)
    if len(joined) != len(keys) * DIGEST_BYTES:
        raise StoreError("a chain key has a wrong length")
    values = {"keys": joined, "width": DIGEST_BYTES, "count": len(keys)}
    nodes: dict[bytes, list[tuple[int, Node]]] = {}
    conversations: dict[str, Conversation] = {}
    for kind, *row in db.execute(_FIND, values):
        if kind:
            found = read_conversation(*row)
            conversations[found.id] = found
        else:
            number, node = _numbered(row)
            nodes.setdefault(node.key, []).append((number, node))
    return Found({key: _in_order(alike) for key, alike in nodes.items()}, conversations)


def alike(db: sqlite3.Connection, key: bytes) -> tuple[Node, ...]:
    """The nodes of one chain key, oldest first."""
    return tuple(read_node(row) for row in db.execute(_ALIKE, (key,)))


def _numbered(row: Sequence[Any]) -> tuple[int, Node]:
    number, node, key, parent, raw, generated, owner, turn = row[:8]
    return number, Node(node, key, parent, raw, bool(generated), owner, turn)


def _in_order(numbered: list[tuple[int, Node]]) -> tuple[Node, ...]:
    return tuple(node for _, node in sorted(numbered, key=lambda item: item[0]))


def pack_tools(tools: Sequence[RawJson]) -> bytes:
    """Tool definitions as one blob. Latin-1 gives back any byte unchanged."""
    return orjson.dumps([raw.decode("latin-1") for raw in tools])


def pack_options(options: Mapping[str, RawJson]) -> bytes:
    """Template options as one blob, in their order."""
    return orjson.dumps({name: raw.decode("latin-1") for name, raw in options.items()})


def read_node(row: Sequence[Any]) -> Node:
    """A node from its row."""
    return _numbered(row)[1]


def read_conversation(
    id: str, turns: int, turn: str, model: str | None, *rest: Any
) -> Conversation:
    """A conversation from its row."""
    tip, messages, reply, tools, options, *more = rest
    return Conversation(
        id, turns, turn, model, tip, messages, reply, _tools(tools), _options(options), *more
    )


def _tools(packed: bytes | None) -> tuple[RawJson, ...]:
    return tuple(_raw(text) for text in orjson.loads(packed)) if packed else ()


def _options(packed: bytes) -> Mapping[str, RawJson]:
    return {name: _raw(text) for name, text in orjson.loads(packed).items()}


def _raw(text: str) -> RawJson:
    return RawJson(text.encode("latin-1"))
