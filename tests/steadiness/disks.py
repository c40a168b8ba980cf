"""Disks that can be filled and freed under a running process, without filling a real one."""

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

SMALL_BYTES = 2 * 1024 * 1024
"""Room for a new ledger with its journal and some dozen turns of 2 KB."""

PAGE_BYTES = 4096


class Disk(Protocol):
    """A folder whose room has an end. `folder` is where the files go."""

    folder: Path

    def fill(self, pid: int) -> None:
        """From now on the process finds no more room there."""

    def free(self, pid: int) -> None:
        """There is room again."""


class SmallDisk:
    """A file system of its own, in memory: what the kernel says of a full one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filling = folder / "filling"

    def fill(self, pid: int) -> None:
        """Takes all the room that is left but for the ends of pages: some line fits by half."""
        with self._filling.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(b"x" * PAGE_BYTES):  # until it is full, whoever writes beside it
                pass

    def free(self, pid: int) -> None:
        """Gives it back."""
        self._filling.unlink()


class LimitedFiles:
    """The process may not make a file larger: writes fail in the middle, as on a full disk (EFBIG)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, pid: int) -> None:
        """The log may grow by the half of a line."""
        limit = (self.folder / "turns.log").stat().st_size + 100
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    def free(self, pid: int) -> None:
        """Lifts the limit."""
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk | None]:
    """A mounted file system of SMALL_BYTES; None where this user may not mount."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_BYTES}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        yield None
        return
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
