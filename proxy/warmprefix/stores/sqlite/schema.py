"""The tables of the ledger file, and how a file of an older version becomes one of this version.

`PRAGMA user_version` is the number of migrations that a file has had. Once a migration is released it is never
edited; a change is one more at the end.
"""

import sqlite3

from warmprefix.stores.sqlite.transaction import transaction

APPLICATION_ID = 0x77617270  # "warp": distinguishes a ledger from any other SQLite file

# The constants of the triggers are what a row costs besides its blob, indexes included: dbstat on
# 10,000 conversations of 50 messages of 400 bytes. A conversation there had no options: 110.
_FIRST = (
    "CREATE TABLE contents (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, raw BLOB NOT NULL)",
    "CREATE TABLE tool_sets (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, raw BLOB NOT NULL)",
    # used: rises with every put, so the order of use survives if the clock jumps.
    """CREATE TABLE conversations (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, used INTEGER NOT NULL,
        used_s REAL NOT NULL, turns INTEGER NOT NULL, turn TEXT NOT NULL, model TEXT,
        tip BLOB NOT NULL, messages INTEGER NOT NULL, reply BLOB, tools INTEGER,
        options BLOB NOT NULL)""",
    "CREATE INDEX conversations_used ON conversations (used)",
    "CREATE INDEX conversations_tools ON conversations (tools)",
    # A rowid table: rows of one conversation are side by side, only the small key index is random.
    """CREATE TABLE nodes (
        id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, parent BLOB NOT NULL,
        content INTEGER NOT NULL, generated INTEGER NOT NULL, conversation INTEGER NOT NULL,
        turn TEXT NOT NULL)""",
    "CREATE INDEX nodes_parent ON nodes (parent)",
    "CREATE INDEX nodes_content ON nodes (content)",
    "CREATE INDEX nodes_conversation ON nodes (conversation)",
    "CREATE TABLE totals (conversations INTEGER, messages INTEGER, bytes INTEGER)",
    "INSERT INTO totals VALUES (0, 0, 0)",
    """CREATE TRIGGER contents_added AFTER INSERT ON contents BEGIN
        UPDATE totals SET messages = messages + 1, bytes = bytes + length(new.raw) + 90; END""",
    """CREATE TRIGGER contents_dropped AFTER DELETE ON contents BEGIN
        UPDATE totals SET messages = messages - 1, bytes = bytes - length(old.raw) - 90; END""",
    """CREATE TRIGGER tool_sets_added AFTER INSERT ON tool_sets BEGIN
        UPDATE totals SET bytes = bytes + length(new.raw) + 90; END""",
    """CREATE TRIGGER tool_sets_dropped AFTER DELETE ON tool_sets BEGIN
        UPDATE totals SET bytes = bytes - length(old.raw) - 90; END""",
    """CREATE TRIGGER nodes_added AFTER INSERT ON nodes BEGIN
        UPDATE totals SET bytes = bytes + 140; END""",
    """CREATE TRIGGER nodes_dropped AFTER DELETE ON nodes BEGIN
        UPDATE totals SET bytes = bytes - 140; END""",
    """CREATE TRIGGER conversations_added AFTER INSERT ON conversations BEGIN
        UPDATE totals SET conversations = conversations + 1, bytes = bytes + 260; END""",
    """CREATE TRIGGER conversations_dropped AFTER DELETE ON conversations BEGIN
        UPDATE totals SET conversations = conversations - 1, bytes = bytes - 260; END""",
)

_BACKEND = ("ALTER TABLE conversations ADD COLUMN backend TEXT NOT NULL DEFAULT ''",)

# Several nodes may have one chain key. A node that was the only one of its key keeps the key as its id: ids are
# opaque, and its parent's was made the same way. A node costs 45 bytes more, by the same measure as above.
_ALIKE = (
    "ALTER TABLE conversations ADD COLUMN session TEXT",
    """CREATE TABLE alike (
        id INTEGER PRIMARY KEY, node BLOB NOT NULL UNIQUE, key BLOB NOT NULL, parent BLOB NOT NULL,
        content INTEGER NOT NULL, generated INTEGER NOT NULL, conversation INTEGER NOT NULL,
        turn TEXT NOT NULL)""",
    """INSERT INTO alike (id, node, key, parent, content, generated, conversation, turn)
        SELECT id, key, key, parent, content, generated, conversation, turn FROM nodes""",
    "DROP TABLE nodes",  # with its indexes and triggers
    "ALTER TABLE alike RENAME TO nodes",
    "CREATE INDEX nodes_key ON nodes (key)",
    "CREATE INDEX nodes_parent ON nodes (parent)",
    "CREATE INDEX nodes_content ON nodes (content)",
    "CREATE INDEX nodes_conversation ON nodes (conversation)",
    """CREATE TRIGGER nodes_added AFTER INSERT ON nodes BEGIN
        UPDATE totals SET bytes = bytes + 185; END""",
    """CREATE TRIGGER nodes_dropped AFTER DELETE ON nodes BEGIN
        UPDATE totals SET bytes = bytes - 185; END""",
    "UPDATE totals SET bytes = bytes + 45 * (SELECT count(*) FROM nodes)",
)

# Where the path of a conversation's last turn ends, and by what it is recognised if its beginning changes.
_TRAILS = (
    """CREATE TABLE trails (
        conversation INTEGER PRIMARY KEY, turn TEXT NOT NULL, leaf BLOB NOT NULL,
        is_reply INTEGER NOT NULL, prompt_tokens INTEGER, generated_tokens INTEGER,
        forms BLOB NOT NULL)""",
    """CREATE TABLE landmarks (
        key BLOB NOT NULL, conversation INTEGER NOT NULL, PRIMARY KEY (key, conversation))
        WITHOUT ROWID""",
    "CREATE INDEX landmarks_conversation ON landmarks (conversation)",
    """CREATE TRIGGER trails_added AFTER INSERT ON trails BEGIN
        UPDATE totals SET bytes = bytes + length(new.forms) + 50; END""",
    """CREATE TRIGGER trails_dropped AFTER DELETE ON trails BEGIN
        UPDATE totals SET bytes = bytes - length(old.forms) - 50; END""",
    """CREATE TRIGGER landmarks_added AFTER INSERT ON landmarks BEGIN
        UPDATE totals SET bytes = bytes + 55; END""",
    """CREATE TRIGGER landmarks_dropped AFTER DELETE ON landmarks BEGIN
        UPDATE totals SET bytes = bytes - 55; END""",
    """CREATE TRIGGER conversations_lost AFTER DELETE ON conversations BEGIN
        DELETE FROM trails WHERE conversation = old.number;
        DELETE FROM landmarks WHERE conversation = old.number; END""",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _BACKEND, _ALIKE, _TRAILS)


class NotOurs(sqlite3.DatabaseError):
    """The file is readable SQLite but no ledger, or a newer version wrote it."""


def migrate(db: sqlite3.Connection) -> None:
    """Bring an open file to this version. Raises NotOurs, and sqlite3.Error if SQLite does."""
    if check(db) == len(MIGRATIONS):
        return
    with transaction(db):
        # Check again under the lock: another process may have migrated it in the meantime.
        for statements in MIGRATIONS[check(db) :]:
            for statement in statements:
                db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def check(db: sqlite3.Connection) -> int:
    """The version of the file, which is not changed. Raises NotOurs."""
    version = _pragma(db, "user_version")
    if version > len(MIGRATIONS):
        raise NotOurs(f"the ledger is of version {version}, newer than {len(MIGRATIONS)}")
    has_tables = db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None
    if has_tables and _pragma(db, "application_id") != APPLICATION_ID:
        raise NotOurs("the file is a database of another application")
    return version


def _pragma(db: sqlite3.Connection, name: str) -> int:
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])
