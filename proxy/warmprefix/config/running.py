"""Which proxies run on this machine: each leaves a small file while it does, so that commands find it."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from warmprefix.private_file import replace_private

_MOST = 64  # files that are read


@dataclass(frozen=True, slots=True)
class Running:
    """A proxy that runs. `url`: its address as this machine reaches it; `backends`: theirs; `file`: its
    settings file, which may not exist; `settings`: those in force, a line each, keys masked."""

    pid: int
    url: str
    backends: tuple[str, ...]
    file: str = ""
    settings: tuple[str, ...] = ()


def running_folder(environ: Mapping[str, str]) -> Path:
    """The folder of these files: below the runtime folder of the user, else below that for temporary files.

    Source: XDG Base Directory Specification 0.8, XDG_RUNTIME_DIR.
    """
    runtime = Path(environ.get("XDG_RUNTIME_DIR") or "")
    if runtime.is_absolute():
        return runtime / "warmprefix"
    return Path(tempfile.gettempdir()) / f"warmprefix-{os.getuid() if hasattr(os, 'getuid') else 0}"


@contextmanager
def announced(
    folder: Path, url: str, backends: Sequence[str], file: str = "", settings: Sequence[str] = ()
) -> "Iterator[Announced]":
    """While it is open, commands find this process. If the file cannot be written, they have to be told."""
    place = folder / f"{os.getpid()}.json"
    said = {"url": url, "backends": list(backends), "file": file, "settings": list(settings)}
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    note = Announced(place, said)
    note.put()
    try:
        yield note
    finally:
        with suppress(OSError):
            place.unlink()


class Announced:
    """What commands read of this process."""

    def __init__(self, place: Path, said: Mapping[str, object]) -> None:
        self._place = place
        self._said = said

    def change(self, settings: Sequence[str]) -> None:
        """Other settings are in force."""
        self._said = {**self._said, "settings": list(settings)}
        self.put()

    def put(self) -> None:
        """Write it; nobody reads half of it, or that of somebody else."""
        with suppress(OSError):
            replace_private(self._place, json.dumps(self._said).encode())


def running(folder: Path) -> tuple[Running, ...]:
    """The proxies that run. The file of one that was killed is removed."""
    found: list[Running] = []
    with suppress(OSError):
        if _is_ours(folder):
            for file in sorted(folder.glob("*.json"))[:_MOST]:
                one = _read(file)
                if one is None or not _is_alive(one.pid):
                    file.unlink(missing_ok=True)
                else:
                    found.append(one)
    return tuple(found)


def _is_ours(folder: Path) -> bool:
    """Whether nobody else can write into the folder: in one for temporary files anybody could have made it."""
    state = folder.stat()
    return not hasattr(os, "getuid") or (state.st_uid == os.getuid() and not state.st_mode & 0o022)


def _read(file: Path) -> Running | None:
    try:
        said = json.loads(file.read_text())
        url, backends = said["url"], said["backends"]
        pid = int(file.stem)
    except (ValueError, TypeError, KeyError):
        return None
    if not isinstance(url, str) or not isinstance(backends, list):
        return None
    settings = said.get("settings")
    lines = tuple(map(str, settings)) if isinstance(settings, list) else ()
    return Running(pid, url, tuple(map(str, backends)), str(said.get("file") or ""), lines)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # it is another user's, so it runs
    return True
