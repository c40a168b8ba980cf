"""A file of ours is replaced as a whole, and is its owner's alone."""

import stat
from pathlib import Path

import pytest

from warmprefix.private_file import replace_private


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    for content in (b"a long one", b"short"):
        replace_private(path, content)
        assert path.read_bytes() == content

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_who_reads_an_old_file_reads_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    replace_private(path, b"old")
    with path.open("rb") as reader:
        replace_private(path, b"new and longer")

        assert reader.read() == b"old"


def test_without_its_folder_it_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        replace_private(tmp_path / "missing" / "own.json", b"")
