"""The SQLite store in a process of its own: killed while it writes, and on a disk that is full."""

import signal
import subprocess
import sys
from pathlib import Path

from tests.stores.entries import chain, entry
from warmprefix.stores.sqlite.store import SqliteStore

# Says after each flush how many conversations it has put.
_PUT_FOR_EVER = """
import asyncio, resource, sys
from pathlib import Path
from warmprefix.stores.sqlite.store import SqliteStore
from tests.stores.entries import chain, entry

async def main(path, file_limit):
    store = SqliteStore(Path(path), 10**9, 10**9)
    await store.flush()
    if file_limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))
    for at in range(10**9):
        store.put(entry(f"c{at}", "s", f"m{at}"))
        if at % 7 == 0:
            await store.flush()
            known = (await store.find(chain("s", f"m{at}"))).nodes
            print(at, store.state().lost, len(known), flush=True)

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def put_for_ever(path: Path, file_limit: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _PUT_FOR_EVER, str(path), str(file_limit)]
    root = Path(__file__).parents[3]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root)


def read_line(process: subprocess.Popen[str]) -> tuple[int, int, int]:
    assert process.stdout is not None
    at, lost, known = map(int, process.stdout.readline().split())
    return at, lost, known


async def test_what_was_flushed_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    for lines in (3, 40):
        with put_for_ever(path) as process:
            for _ in range(lines):
                at, lost, _ = read_line(process)
                assert lost == 0
            process.send_signal(signal.SIGKILL)
        store = SqliteStore(path, 10**9, 10**9)
        for number in range(at + 1):
            assert len((await store.find(chain("s", f"m{number}"))).nodes) == 2
        store.put(entry("after", "after"))
        await store.close()
        assert (store.state().replaced, store.state().lost) == (0, 0)


async def test_a_disk_that_is_full_costs_what_could_not_be_written(tmp_path: Path) -> None:
    """A limit on the size of files fails the writes as a full disk does."""
    path = tmp_path / "ledger.db"
    with put_for_ever(path, file_limit=300_000) as process:
        lost = 0
        while lost < 20:
            _, lost, known = read_line(process)
            assert known == 2
        process.kill()

    store = SqliteStore(path, 10**9, 10**9)
    assert len((await store.find(chain("s", "m0"))).nodes) == 2
    store.put(entry("after", "after"))
    await store.close()
    assert (store.state().replaced, store.state().lost) == (0, 0)
