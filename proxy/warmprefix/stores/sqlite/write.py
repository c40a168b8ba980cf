"""How a turn is written to the ledger file, and how the oldest conversation leaves it.

Nothing here begins or ends a transaction; `shrink` and `checkpoint` run outside of one.
"""

import sqlite3
from typing import NamedTuple

from warmprefix.core.identity.keys import content_key
from warmprefix.core.memory.ledger import MAX_ALIKE, Conversation, Entry, Node
from warmprefix.core.types import RawJson
from warmprefix.stores.far import Totals
from warmprefix.stores.sqlite.read import alike, pack_options, pack_tools
from warmprefix.stores.sqlite.trails import put_trail

# A step of this many nodes holds the write lock for some 10 ms.
STEP_NODES = 500
# Free pages that stay for the next turns before the file shrinks (16 MiB), and the size of one step of that.
_SPARE_PAGES = 4096
_SHRINK_PAGES = 512
# Replaces a conversation's `used` from the first step of its eviction on.
_LEAVING = 0


class Limits(NamedTuple):
    """When the oldest conversation has to leave."""

    max_bytes: int
    max_age_s: float


_PUT_CONVERSATION = """
INSERT INTO conversations
    (id, used, used_s, turns, turn, model, tip, messages, reply, tools, options, backend, session)
VALUES (?, (SELECT coalesce(max(used), 0) + 1 FROM conversations), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    used = excluded.used, used_s = excluded.used_s, turns = excluded.turns, turn = excluded.turn,
    model = excluded.model, tip = excluded.tip, messages = excluded.messages,
    reply = excluded.reply, tools = excluded.tools, options = excluded.options,
    backend = excluded.backend, session = excluded.session
"""
_PUT_NODE = """
INSERT INTO nodes (node, key, parent, content, generated, conversation, turn)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (node) DO UPDATE SET
    generated = max(generated, excluded.generated),
    conversation = excluded.conversation, turn = excluded.turn
"""
_FIND_ALIKE = "SELECT id, content FROM nodes WHERE key = ? ORDER BY id DESC"
_DROP_CONTENT = """
DELETE FROM contents WHERE id = :id AND NOT EXISTS (SELECT 1 FROM nodes WHERE content = :id)
"""
_DROP_TOOLS = """
DELETE FROM tool_sets WHERE id = :id AND NOT EXISTS (SELECT 1 FROM conversations WHERE tools = :id)
"""
_OLDEST = """
SELECT number, id, tools, used, used_s FROM conversations
WHERE used < (SELECT max(used) FROM conversations) ORDER BY used LIMIT 1
"""
# Nodes of a conversation that lead to messages of others, each with the last used of those: with max()
# SQLite takes the other columns from the same row (source: sqlite.org/lang_select.html, "Bare columns in an
# aggregate query").
_SHARED = """
WITH RECURSIVE shared (id, parent, heir) AS (
    SELECT node.id, node.parent, child.conversation
    FROM nodes AS node CROSS JOIN nodes AS child ON child.parent = node.node
    WHERE node.conversation = :number AND child.conversation <> :number
    UNION
    SELECT node.id, node.parent, shared.heir
    FROM shared CROSS JOIN nodes AS node ON node.node = shared.parent
    WHERE node.conversation = :number
)
SELECT heir, shared.id, max(used) FROM shared JOIN conversations ON number = heir GROUP BY shared.id
"""


def write_entry(db: sqlite3.Connection, entry: Entry, used_s: float) -> tuple[Node, ...]:
    """Put a turn. Returns, for each of its chain keys that has more than one node, all of those.

    Raises ValueError if a text cannot be stored (a lone surrogate).
    """
    number = _put_conversation(db, entry.conversation, used_s)
    shared = {node.key for node in entry.nodes if _put_node(db, node, number) > 1}
    if entry.trail is not None:
        put_trail(db, number, entry.trail, entry.landmarks)
    return tuple(node for key in shared for node in alike(db, key))


def totals(db: sqlite3.Connection) -> Totals:
    """Counts of the whole file, which its triggers maintain."""
    return Totals(*db.execute("SELECT conversations, messages, bytes FROM totals").fetchone())


def evict_step(db: sqlite3.Connection, limits: Limits, now_s: float) -> str | None:
    """Drop some nodes of the oldest conversation if the limits of size or age ask for it; returns its id.

    It leaves as a whole, deepest messages first, unless it is put again between two steps. The newest
    conversation never leaves. A node that leads to messages of other conversations passes to the last used of
    those.
    """
    oldest = db.execute(_OLDEST).fetchone()
    if oldest is None:
        return None
    number, name, tools, used, used_s = oldest
    fits = totals(db).bytes <= limits.max_bytes and now_s - used_s <= limits.max_age_s
    if fits and used != _LEAVING:
        return None
    db.execute("UPDATE conversations SET used = ? WHERE number = ?", (_LEAVING, number))
    shared = db.execute(_SHARED, {"number": number}).fetchall()
    heirs = [(heir, node) for heir, node, _ in shared]
    db.executemany("UPDATE nodes SET conversation = ? WHERE id = ?", heirs)
    if _drop_nodes(db, number) < STEP_NODES:
        db.execute("DELETE FROM conversations WHERE number = ?", (number,))
        db.execute(_DROP_TOOLS, {"id": tools})
    return str(name)


def shrink(db: sqlite3.Connection) -> None:
    """Give some of the free pages back if there are many; the others are for the next turns."""
    if db.execute("PRAGMA freelist_count").fetchone()[0] > _SPARE_PAGES:
        db.execute(f"PRAGMA incremental_vacuum({_SHRINK_PAGES})").fetchall()


def checkpoint(db: sqlite3.Connection) -> None:
    """Move the -wal file into the ledger and empty it, as far as other processes allow."""
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _drop_nodes(db: sqlite3.Connection, number: int) -> int:
    rows = db.execute(
        "SELECT id, content FROM nodes WHERE conversation = ? ORDER BY id DESC LIMIT ?",
        (number, STEP_NODES),
    ).fetchall()
    db.executemany("DELETE FROM nodes WHERE id = ?", [(row[0],) for row in rows])
    db.executemany(_DROP_CONTENT, [{"id": content} for content in {row[1] for row in rows}])
    return len(rows)


def _put_conversation(db: sqlite3.Connection, last: Conversation, used_s: float) -> int:
    before = db.execute("SELECT tools FROM conversations WHERE id = ?", (last.id,)).fetchone()
    tools = _tool_set(db, last.tools)
    db.execute(
        _PUT_CONVERSATION,
        (
            *(last.id, used_s, last.turns, last.turn, last.model, last.tip, last.messages),
            *(last.reply, tools, pack_options(last.options), last.backend, last.session),
        ),
    )
    if before is not None and before[0] != tools:
        db.execute(_DROP_TOOLS, {"id": before[0]})
    row = db.execute("SELECT number FROM conversations WHERE id = ?", (last.id,)).fetchone()
    return int(row[0])


def _put_node(db: sqlite3.Connection, node: Node, conversation: int) -> int:
    """Put a node. Returns how many nodes then have its chain key."""
    content = _content(db, node.raw)
    put = (node.id, node.key, node.parent, content, node.generated, conversation, node.turn)
    db.execute(_PUT_NODE, put)
    rows = db.execute(_FIND_ALIKE, (node.key,)).fetchall()
    for oldest, its_content in rows[MAX_ALIKE:]:
        db.execute("DELETE FROM nodes WHERE id = ?", (oldest,))
        db.execute(_DROP_CONTENT, {"id": its_content})
    return min(len(rows), MAX_ALIKE)


def _content(db: sqlite3.Connection, raw: RawJson) -> int:
    key = content_key(raw)
    row = db.execute("SELECT id FROM contents WHERE key = ?", (key,)).fetchone()
    if row is None:
        put = db.execute("INSERT INTO contents (key, raw) VALUES (?, ?)", (key, raw))
        return put.lastrowid or 0
    return int(row[0])


def _tool_set(db: sqlite3.Connection, tools: tuple[RawJson, ...]) -> int | None:
    if not tools:
        return None
    packed = pack_tools(tools)
    key = content_key(packed)
    row = db.execute("SELECT id FROM tool_sets WHERE key = ?", (key,)).fetchone()
    if row is None:
        put = db.execute("INSERT INTO tool_sets (key, raw) VALUES (?, ?)", (key, packed))
        return put.lastrowid or 0
    return int(row[0])
