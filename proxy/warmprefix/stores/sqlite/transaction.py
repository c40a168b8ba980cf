"""One transaction of a connection in autocommit mode."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Commits at the end; rolls back if anything fails, the commit included.

    IMMEDIATE takes the write lock first: a transaction that reads and then writes could not wait for it
    (source: sqlite.org/isolation.html, "SQLITE_BUSY_SNAPSHOT").
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.rollback()
