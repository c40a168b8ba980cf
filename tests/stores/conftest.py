"""SQLite stores on a file of their own, and time for what is not about time."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.stores.files import open_store
from warmprefix.stores.sqlite.store import SqliteStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file in a folder that does not exist yet."""
    return tmp_path / "data" / "ledger.db"


@pytest.fixture
async def file_store(path: Path) -> AsyncIterator[SqliteStore]:
    """A store whose file is open."""
    made = open_store(path)
    await made.flush()
    yield made
    await made.close()


@pytest.fixture
async def alone(path: Path) -> AsyncIterator[SqliteStore]:
    """A store without a front: what is written comes from the file."""
    made = open_store(path, front_bytes=0)
    await made.flush()
    yield made
    await made.close()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer of the ledger may take its time: other work has the machine too."""
    for module in ("timed_reader", "sqlite.reader"):
        monkeypatch.setattr(f"warmprefix.stores.{module}.LIMIT_S", 10.0)
