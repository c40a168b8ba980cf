"""The list of saved slots, in a small file beside the ledger, so that they can be used after a restart.

Two proxies may share the file: each change is made on its present content, under a lock.
"""

import contextlib
import os
import secrets
from collections.abc import Collection, Iterator, Sequence
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import Any, get_type_hints

import orjson

from warmprefix.core.slots.snapshots import Snapshot
from warmprefix.private_file import replace_private

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows: proxies that share a file may lose an entry there
    fcntl = None  # type: ignore[assignment]  # None says that it is missing

_VERSION = 1
_TYPES = get_type_hints(Snapshot)
_DEFAULTS = {
    field.name: None if field.default is MISSING else field.default for field in fields(Snapshot)
}


class SnapshotIndex:
    """The snapshots of one proxy. `path`: their file; None keeps them in memory only."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.owner = secrets.token_hex(4)
        """Part of the names of its files; stored in the index."""
        self._snapshots: dict[str, Snapshot] = {}
        self.all: Sequence[Snapshot] = ()
        """Every snapshot."""
        if path is not None:
            self._read(path)

    def change(self, add: Sequence[Snapshot] = (), remove: Collection[str] = ()) -> None:
        """Remove names, then add. Raises OSError if the file cannot be written; memory is changed even then."""
        if self._path is None:
            self._apply(add, remove)
            return
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _locked(self._path):
                self._read(self._path)
                self._apply(add, remove)
                self._write(self._path)
        except OSError:
            self._apply(add, remove)
            raise

    def _apply(self, add: Sequence[Snapshot], remove: Collection[str]) -> None:
        for name in remove:
            self._snapshots.pop(name, None)
        self._snapshots |= {snapshot.name: snapshot for snapshot in add}
        self.all = tuple(self._snapshots.values())

    def _read(self, path: Path) -> None:
        """A file that is missing or cannot be understood counts as empty."""
        try:
            value = orjson.loads(path.read_bytes())
        except (OSError, ValueError):
            return
        if not isinstance(value, dict) or value.get("version") != _VERSION:
            return
        owner, listed = value.get("owner"), value.get("snapshots")
        self.owner = owner if isinstance(owner, str) else self.owner
        found = [_snapshot(entry) for entry in listed] if isinstance(listed, list) else []
        self._snapshots = {entry.name: entry for entry in found if entry is not None}
        self.all = tuple(self._snapshots.values())

    def _write(self, path: Path) -> None:
        entries = [asdict(snapshot) for snapshot in self._snapshots.values()]
        value = {"version": _VERSION, "owner": self.owner, "snapshots": entries}
        replace_private(path, orjson.dumps(value, option=orjson.OPT_INDENT_2))


def _snapshot(entry: object) -> Snapshot | None:
    if not isinstance(entry, dict):
        return None
    given: dict[str, Any] = {name: entry.get(name, default) for name, default in _DEFAULTS.items()}
    for name, value in given.items():
        wanted = (int, float) if _TYPES[name] is float else _TYPES[name]
        if not isinstance(value, wanted):
            return None
    name = given["name"]
    # It becomes a path below the folder of snapshots, and files are deleted by it.
    is_ours = name.startswith("warmprefix-") and name.endswith(".bin") and "/" not in name
    return Snapshot(**given) if is_ours and "\\" not in name else None


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    handle = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)  # gives up the lock
