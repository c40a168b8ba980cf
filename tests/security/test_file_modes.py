"""Files that hold conversations are private, whatever umask the proxy was started with."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from warmprefix.capture.writer import Capture
from warmprefix.core.identity.keys import DIGEST_BYTES
from warmprefix.log.writer import TurnLog
from warmprefix.stores.sqlite.store import SqliteStore

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o277], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """The umask of the process while the test runs."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    """The permission bits of what a folder holds."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}


def assert_private(folder: Path, count: int) -> None:
    found = {folder.name: stat.S_IMODE(folder.stat().st_mode), **modes(folder)}
    assert len(found) >= count + 1
    assert {name: oct(mode) for name, mode in found.items() if mode & 0o077} == {}


async def test_the_ledger(umask: int, tmp_path: Path) -> None:
    if umask == 0o277:
        pytest.skip("SQLite opens its file a second time")
    folder = tmp_path / "data"
    store = SqliteStore(folder / "ledger.db", 1 << 20, 1e9)
    await store.find((bytes(DIGEST_BYTES),))
    assert_private(folder, 1)

    await store.close()
    assert_private(folder, 1)


def test_the_log_and_its_rotated_files(umask: int, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    with (tmp_path / "out").open("wb") as output:
        log = TurnLog(output, folder / "turns.jsonl", max_bytes=100, backups=2)
        for number in range(5):
            log.write({"turn": "x" * 60, "number": number})
        log.close()

    assert_private(folder, 2)


def test_the_capture(umask: int, tmp_path: Path) -> None:
    folder = tmp_path / "captures"
    Capture(folder).close()

    assert_private(folder, 1)


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    """It may be shared on purpose; the file in it is not."""
    folder = tmp_path / "shared"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    Capture(folder).close()

    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert set(modes(folder).values()) == {0o600}


@pytest.mark.parametrize("kind", ["file", "dangling"])
def test_a_capture_never_follows_a_link_that_waits_for_it(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name can be guessed; what is already there under that name is left alone."""
    victim = tmp_path / "victim"
    if kind == "file":
        victim.write_text("mine")
    first = Capture(tmp_path)
    first.close()
    first.path.unlink()
    first.path.symlink_to(victim)
    second = Capture(tmp_path)
    second.close()

    assert second.path != first.path or not second.path.is_symlink()
    assert victim.exists() is (kind == "file")
