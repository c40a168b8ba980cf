"""The trails to the last turns of conversations in the ledger file: how one is written, and read."""

import sqlite3
from collections.abc import Sequence

import orjson

from warmprefix.core.errors import StoreError
from warmprefix.core.identity.keys import DIGEST_BYTES
from warmprefix.core.memory.ledger import Past
from warmprefix.core.memory.trail import Trail, as_texts, from_texts
from warmprefix.stores.sqlite.read import read_conversation, read_node

_PUT = "INSERT INTO trails VALUES (?, ?, ?, ?, ?, ?, ?)"
_PUT_LANDMARK = "INSERT OR IGNORE INTO landmarks VALUES (?, ?)"

# The first row is the conversation with its trail, the others are the nodes of its path, the last one first.
# A path cannot go in a circle: a node's id digests that of its parent.
_PAST = """
WITH RECURSIVE
wanted (at, key) AS (
    SELECT 0, substr(:keys, 1, :width)
    UNION ALL
    SELECT at + 1, substr(:keys, (at + 1) * :width + 1, :width) FROM wanted WHERE at + 1 < :count
),
candidates (at, number) AS (
    SELECT -1, number FROM conversations WHERE id = :id
    UNION ALL
    SELECT at, landmarks.conversation
    FROM wanted CROSS JOIN landmarks ON landmarks.key = wanted.key
),
chosen AS (
    SELECT conversations.*, trails.turn AS its_turn, leaf, is_reply, prompt_tokens,
        generated_tokens, forms
    FROM candidates
    JOIN conversations USING (number)
    JOIN trails ON trails.conversation = number
    ORDER BY at, used DESC LIMIT 1
),
path (depth, id, node, key, parent, content, generated, conversation, turn) AS (
    SELECT 1, nodes.id, node, key, parent, content, generated, conversation, nodes.turn
    FROM chosen JOIN nodes ON node = leaf
    UNION ALL
    SELECT depth + 1, nodes.id, nodes.node, nodes.key, nodes.parent, nodes.content,
        nodes.generated, nodes.conversation, nodes.turn
    FROM path CROSS JOIN nodes ON nodes.node = path.parent
)
SELECT 0 AS depth, chosen.id, turns, turn, model, tip, messages, reply, tool_sets.raw, options,
    backend, session, its_turn, leaf, is_reply, prompt_tokens, generated_tokens, forms
FROM chosen LEFT JOIN tool_sets ON tool_sets.id = chosen.tools
UNION ALL
SELECT depth, path.id, path.node, path.key, parent, contents.raw, generated, conversations.id,
    path.turn, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM path
JOIN contents ON contents.id = path.content
JOIN conversations ON conversations.number = path.conversation
ORDER BY depth
"""
_NOTHING = b"[null, null, [], []]"


def put_trail(
    db: sqlite3.Connection, conversation: int, trail: Trail, landmarks: Sequence[bytes]
) -> None:
    """Replace the trail of a conversation, by its number, and its landmarks."""
    db.execute("DELETE FROM trails WHERE conversation = ?", (conversation,))
    db.execute("DELETE FROM landmarks WHERE conversation = ?", (conversation,))
    counts = (trail.prompt_tokens, trail.generated_tokens)
    row = (conversation, trail.turn, trail.leaf, trail.is_reply, *counts, _pack(trail))
    db.execute(_PUT, row)
    db.executemany(_PUT_LANDMARK, [(key, conversation) for key in landmarks])


def find_past(
    db: sqlite3.Connection, conversation: str | None, landmarks: Sequence[bytes]
) -> Past | None:
    """The trail to the last turn of this conversation, or of the one with these landmarks."""
    joined = b"".join(landmarks)
    if len(joined) != len(landmarks) * DIGEST_BYTES:
        raise StoreError("a landmark has a wrong length")
    values = {
        "keys": joined,
        "width": DIGEST_BYTES,
        "count": len(landmarks),
        "id": conversation,
    }
    first, *others = db.execute(_PAST, values).fetchall() or [None]
    if first is None:
        return None
    turn, leaf, is_reply, prompt_tokens, generated_tokens, packed = first[12:]
    client, ours, undone, restless = orjson.loads(packed or _NOTHING)
    owner = read_conversation(*first[1:12])
    counts = (prompt_tokens, generated_tokens)
    forms = (from_texts(client), from_texts(ours))
    more = (tuple(undone), frozenset(restless))
    trail = Trail(turn, leaf, bool(is_reply), *counts, *forms, *more)
    return Past(owner, trail, tuple(read_node(row[1:]) for row in reversed(others)))


def _pack(trail: Trail) -> bytes:
    """What only some trails have; nothing if this one has none of it."""
    if trail.client is None and trail.ours is None and not (trail.undone or trail.restless):
        return b""
    forms = [as_texts(trail.client), as_texts(trail.ours)]
    return orjson.dumps([*forms, trail.undone, sorted(trail.restless)])
