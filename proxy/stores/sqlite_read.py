"""Questions to the ledger file, each one statement, and how rows become values again."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from proxy.core.errors import StoreError
from proxy.core.identity import DIGEST_BYTES
from proxy.core.ledger import NOTHING, Conversation, Found, Node
from proxy.core.types import RawJson

# All keys arrive as one blob: no limit on how many, and the same statement whatever their number.
# A row that starts with 0 is a node, one that starts with 1 the conversation of the deepest node.
_FIND = """
WITH RECURSIVE
wanted (at, key) AS (
    SELECT 0, substr(:keys, 1, :width)
    UNION ALL
    SELECT at + 1, substr(:keys, (at + 1) * :width + 1, :width) FROM wanted WHERE at + 1 < :count
),
found AS (
    SELECT wanted.at, nodes.* FROM wanted CROSS JOIN nodes ON nodes.key = wanted.key
),
last (number) AS (SELECT conversation FROM found ORDER BY at DESC LIMIT 1)
SELECT 0, found.key, parent, contents.raw, generated, conversations.id, found.turn,
    NULL, NULL, NULL, NULL
FROM found
JOIN contents ON contents.id = found.content
JOIN conversations ON conversations.number = found.conversation
UNION ALL
SELECT 1, conversations.id, turns, turn, model, tip, messages, reply, tool_sets.raw, options, backend
FROM last
JOIN conversations ON conversations.number = last.number
LEFT JOIN tool_sets ON tool_sets.id = conversations.tools
"""
_PATH = """
WITH RECURSIVE up (depth, parent, content) AS (
    SELECT 1, parent, content FROM nodes WHERE key = :tip
    UNION ALL
    SELECT depth + 1, nodes.parent, nodes.content FROM up CROSS JOIN nodes ON nodes.key = up.parent
    WHERE depth < :limit
)
SELECT up.parent, contents.raw FROM up JOIN contents ON contents.id = up.content ORDER BY depth
"""


def find(db: sqlite3.Connection, keys: Sequence[bytes]) -> Found:
    """The nodes of these chain keys, and the conversation of the deepest."""
    if not keys:
        return NOTHING
    joined = b"".join(keys)
    if len(joined) != len(keys) * DIGEST_BYTES:
        raise StoreError("a chain key has a wrong length")
    values = {"keys": joined, "width": DIGEST_BYTES, "count": len(keys)}
    nodes: dict[bytes, Node] = {}
    conversation: Conversation | None = None
    for kind, *row in db.execute(_FIND, values):
        if kind:
            conversation = _conversation(*row)
        else:
            key, parent, raw, generated, owner, turn = row[:6]
            nodes[key] = Node(key, parent, raw, bool(generated), owner, turn)
    return Found(nodes, conversation)


def path(db: sqlite3.Connection, tip: bytes, limit: int) -> list[tuple[bytes, bytes]]:
    """Parent key and bytes of the messages from `tip` upwards, as far as they are known."""
    return db.execute(_PATH, {"tip": tip, "limit": limit}).fetchall()


def pack_tools(tools: Sequence[RawJson]) -> bytes:
    """Tool definitions as one blob. Latin-1 gives every byte back, whatever it was."""
    return orjson.dumps([raw.decode("latin-1") for raw in tools])


def pack_options(options: Mapping[str, RawJson]) -> bytes:
    """Template options as one blob, their order kept."""
    return orjson.dumps({name: raw.decode("latin-1") for name, raw in options.items()})


def _conversation(id: str, turns: int, turn: str, model: str | None, *rest: Any) -> Conversation:
    tip, messages, reply, tools, options, backend = rest
    return Conversation(
        id, turns, turn, model, tip, messages, reply, _tools(tools), _options(options), backend
    )


def _tools(packed: bytes | None) -> tuple[RawJson, ...]:
    return tuple(_raw(text) for text in orjson.loads(packed)) if packed else ()


def _options(packed: bytes) -> Mapping[str, RawJson]:
    return {name: _raw(text) for name, text in orjson.loads(packed).items()}


def _raw(text: str) -> RawJson:
    return RawJson(text.encode("latin-1"))
