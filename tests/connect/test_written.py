"""Clients' settings files, written and taken back."""

import stat
from pathlib import Path

import pytest

from warmprefix.connect.written import notes_folder, read_note, undo, write
from warmprefix.core.errors import ConfigError


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "state" / "connect"


def test_what_was_there_comes_back_byte_for_byte(notes: Path, tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_bytes(b'{\r\n "a": 1}')
    file.chmod(0o640)

    note = write(notes, "zed", file, "new")
    kept = (note.backup or file).read_bytes()
    undo(notes, "zed")

    assert kept == b'{\r\n "a": 1}'
    assert file.read_bytes() == b'{\r\n "a": 1}'
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["settings.json"]


def test_a_new_file_is_its_owners_alone_and_is_removed_again(notes: Path, tmp_path: Path) -> None:
    file = tmp_path / "deep" / "settings.json"
    write(notes, "zed", file, "new")
    mode = stat.S_IMODE(file.stat().st_mode)
    undo(notes, "zed")

    assert mode == 0o600
    assert not file.exists()


def test_the_second_time_the_text_of_the_first_is_kept(notes: Path, tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text("mine")
    write(notes, "zed", file, "one")
    write(notes, "zed", file, "two")
    undo(notes, "zed")

    assert file.read_text() == "mine"


def test_a_file_that_was_changed_since_is_left_alone(notes: Path, tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text("mine")
    write(notes, "zed", file, "new")
    file.write_text("changed by hand")

    with pytest.raises(ConfigError, match="changed since") as error:
        undo(notes, "zed")

    assert file.read_text() == "changed by hand"
    assert str(tmp_path / "settings.json.before-warmprefix") in str(error.value)


def test_a_link_stays_one(notes: Path, tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles.json", tmp_path / "settings.json"
    real.write_text("mine")
    link.symlink_to(real)

    write(notes, "zed", link, "new")

    assert link.is_symlink()
    assert real.read_text() == "new"


def test_nothing_written_is_nothing_to_take_back(notes: Path) -> None:
    with pytest.raises(ConfigError, match="nothing was written for zed"):
        undo(notes, "zed")


def test_a_damaged_note_is_none(notes: Path) -> None:
    notes.mkdir(parents=True)
    (notes / "zed.json").write_text("{")

    assert read_note(notes, "zed") is None


def test_a_folder_that_cannot_be_written_is_told(notes: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        write(notes, "zed", tmp_path / "taken" / "settings.json", "new")


@pytest.mark.parametrize("state", ["/somewhere", "relative", ""])
def test_notes_are_in_the_folder_for_state(state: str) -> None:
    home = Path.home() / ".local" / "state" if state != "/somewhere" else Path(state)

    assert notes_folder({"XDG_STATE_HOME": state}) == home / "warmprefix" / "connect"
