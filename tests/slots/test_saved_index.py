"""The index of saved slots as a file."""

import stat
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from warmprefix.config import MemoryConfig, slots_path
from warmprefix.core.slots.snapshots import Snapshot
from warmprefix.slots.saved_index import SnapshotIndex

ONE = Snapshot("warmprefix-1.bin", "b", "c", "aa", "bb", 2, 900, 4000, 1.5, 2.5)
TWO = replace(ONE, name="warmprefix-2.bin")


def test_what_is_entered_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "slots.json"
    index = SnapshotIndex(path)
    index.change([ONE, TWO])
    index.change(remove=[ONE.name])

    again = SnapshotIndex(path)
    assert again.all == (TWO,)
    assert again.owner == index.owner
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_two_proxies_on_one_file_keep_each_others_entries(tmp_path: Path) -> None:
    path = tmp_path / "slots.json"
    one, two = SnapshotIndex(path), SnapshotIndex(path)
    one.change([ONE])
    two.change([TWO])

    assert {snapshot.name for snapshot in two.all} == {ONE.name, TWO.name}
    assert {snapshot.name for snapshot in SnapshotIndex(path).all} == {ONE.name, TWO.name}


def test_without_a_file_it_is_in_memory(tmp_path: Path) -> None:
    index = SnapshotIndex()
    index.change([ONE])

    assert index.all == (ONE,)
    assert not list(tmp_path.iterdir())


def entry(**fields: object) -> dict[str, object]:
    known = {name: getattr(ONE, name) for name in ONE.__dataclass_fields__}
    return {**known, **fields}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b'{"version": 0}',
        b'{"version": 1, "snapshots": 7}',
        b'{"version": 1, "snapshots": [7]}',
        orjson.dumps({"version": 1, "snapshots": [entry(tokens="many")]}),
        orjson.dumps({"version": 1, "snapshots": [entry(name="/etc/passwd")]}),
        orjson.dumps({"version": 1, "snapshots": [entry(name="warmprefix-/../x.bin")]}),
        orjson.dumps({"version": 1, "snapshots": [entry(name="warmprefix-\\x.bin")]}),
    ],
)
def test_a_file_that_makes_no_sense_is_an_empty_one(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "slots.json"
    path.write_bytes(content)
    index = SnapshotIndex(path)
    assert index.all == ()

    index.change([TWO])
    assert SnapshotIndex(path).all == (TWO,)


def test_a_file_that_cannot_be_written_leaves_memory_right(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    index = SnapshotIndex(tmp_path / "file" / "slots.json")
    with pytest.raises(OSError, match="file"):
        index.change([ONE])

    assert index.all == (ONE,)


def test_it_lies_beside_the_ledger_where_that_is_on_disk(tmp_path: Path) -> None:
    ledger = str(tmp_path / "ledger.db")

    assert slots_path(MemoryConfig(path=ledger), {}) == tmp_path / "slots.json"
    assert slots_path(MemoryConfig("memory", ledger), {}) is None
