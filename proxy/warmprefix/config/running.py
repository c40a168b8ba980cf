"""Which proxies run on this machine: each leaves a small file while it does, so that commands find it."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_MOST = 64  # files that are read


@dataclass(frozen=True, slots=True)
class Running:
    """A proxy that runs. `url`: its address as this machine reaches it; `backends`: theirs."""

    pid: int
    url: str
    backends: tuple[str, ...]


def running_folder(environ: Mapping[str, str]) -> Path:
    """The folder of these files: below the runtime folder of the user, else below that for temporary files.

    Source: XDG Base Directory Specification 0.8, XDG_RUNTIME_DIR.
    """
    runtime = Path(environ.get("XDG_RUNTIME_DIR") or "")
    if runtime.is_absolute():
        return runtime / "warmprefix"
    return Path(tempfile.gettempdir()) / f"warmprefix-{os.getuid() if hasattr(os, 'getuid') else 0}"


@contextmanager
def announced(folder: Path, url: str, backends: Sequence[str]) -> Iterator[None]:
    """While it is open, commands find this process. If the file cannot be written, they have to be told."""
    file = folder / f"{os.getpid()}.json"
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(opened, "w") as writer:
            json.dump({"url": url, "backends": list(backends)}, writer)
    try:
        yield
    finally:
        with suppress(OSError):
            file.unlink(missing_ok=True)


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
    return Running(pid, url, tuple(map(str, backends)))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # it is another user's, so it runs
    return True
