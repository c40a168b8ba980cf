"""A proxy leaves a file while it runs, and commands find it by that."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from warmprefix.config.running import Running, announced, running, running_folder


def test_what_runs_is_found_until_it_ends(tmp_path: Path) -> None:
    folder = tmp_path / "warmprefix"
    with announced(folder, "http://127.0.0.1:9000", ["http://127.0.0.1:8080"]):
        found = running(folder)
        modes = [oct(path.stat().st_mode & 0o777) for path in (folder, *folder.iterdir())]

    assert found == (Running(os.getpid(), "http://127.0.0.1:9000", ("http://127.0.0.1:8080",)),)
    assert modes == ["0o700", "0o600"]
    assert running(folder) == ()


def test_what_is_in_force_can_change(tmp_path: Path) -> None:
    folder = tmp_path / "warmprefix"
    with announced(folder, "http://127.0.0.1:9", [], "/etc/own.toml", ["a = 1"]) as note:
        before = running(folder)
        note.change(["a = 2"])
        after = running(folder)

    assert [(one.file, one.settings) for one in before] == [("/etc/own.toml", ("a = 1",))]
    assert [(one.file, one.settings) for one in after] == [("/etc/own.toml", ("a = 2",))]


def test_what_was_killed_is_forgotten(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    file = tmp_path / f"{ended.pid}.json"
    file.write_text(json.dumps({"url": "http://127.0.0.1:1", "backends": []}))
    tmp_path.chmod(0o700)

    assert running(tmp_path) == ()
    assert not file.exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"url": 5, "backends": []}', '{"url": "x"}'])
def test_a_file_that_says_nothing_is_removed(text: str, tmp_path: Path) -> None:
    file = tmp_path / f"{os.getpid()}.json"
    file.write_text(text)
    tmp_path.chmod(0o700)

    assert running(tmp_path) == ()
    assert not file.exists()


def test_a_folder_that_others_can_write_into_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / f"{os.getpid()}.json").write_text('{"url": "http://evil.example", "backends": []}')
    tmp_path.chmod(0o777)

    assert running(tmp_path) == ()


def test_another_users_process_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refused(pid: int, signal: int) -> None:
        raise PermissionError(pid, signal)

    monkeypatch.setattr(os, "kill", refused)
    (tmp_path / "7.json").write_text('{"url": "http://127.0.0.1:1", "backends": []}')
    tmp_path.chmod(0o700)

    assert [one.pid for one in running(tmp_path)] == [7]


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with announced(tmp_path / "file" / "below", "http://127.0.0.1:1", []):
        pass

    assert running(tmp_path / "file" / "below") == ()


def test_the_folder_is_the_users_own(tmp_path: Path) -> None:
    assert running_folder({"XDG_RUNTIME_DIR": str(tmp_path)}) == tmp_path / "warmprefix"
    assert running_folder({"XDG_RUNTIME_DIR": "relative"}).name.startswith("warmprefix-")
